import type { Flags } from '../../config/load.ts'
import { formatTarget, parseTarget } from '../../core/cid.ts'
import { connect } from '../daemon-client.ts'
import { formatName, formatTransfer } from '../display.ts'
import type { Session } from '../session.ts'

export type GetOptions = Flags & { readonly output?: string; readonly offline?: boolean }

export async function get(session: Session, content: string, options: GetOptions): Promise<void> {
  const target = parseTarget(content)
  const output = options.output ?? target.path.at(-1) ?? target.root.toString()
  await using client = await connect(session, options)
  const view = session.progress(output)
  const { signal } = session
  const saved = await client
    .downloadTo(formatTarget(target), output, {
      onProgress: view.onProgress,
      offline: options.offline === true,
      signal,
    })
    .finally(view.end)
  const { bytes, durationMs, files } = saved
  const what = saved.kind === 'directory' ? `${files} files, ` : ''
  session.note(`saved ${what}${formatTransfer(bytes, durationMs)}`)
  await session.result(saved, formatName(saved.path))
}
