import type { Flags } from '../../config/load.ts'
import type { DirectoryEntry } from '../../core/content.ts'
import { connect } from '../daemon-client.ts'
import { formatName } from '../display.ts'
import type { Session } from '../session.ts'

/** Width of a size up to a tebibyte in bytes: lines are written as they come, so it cannot be measured. */
const SIZE_WIDTH = 13

type OfflineFlags = Flags & { readonly offline?: boolean }

export async function ls(session: Session, content: string, options: OfflineFlags): Promise<void> {
  await using client = await connect(session, options)
  for await (const entry of client.ls(content, {
    signal: session.signal,
    offline: options.offline === true,
  })) {
    await session.result(entry, lineOf(entry))
  }
}

function lineOf({ cid, bytes, name, kind }: DirectoryEntry): string {
  const mark = kind === 'directory' ? '/' : kind === 'symlink' ? '@' : ''
  return `${cid}  ${String(bytes).padStart(SIZE_WIDTH)}  ${formatName(name)}${mark}`
}
