import type { Flags } from '../../config/load.ts'
import { connect } from '../daemon-client.ts'
import { formatBytes, formatTable } from '../display.ts'
import type { Session } from '../session.ts'

type OfflineFlags = Flags & { readonly offline?: boolean }

export async function stat(
  session: Session,
  content: string,
  options: OfflineFlags,
): Promise<void> {
  await using client = await connect(session, options)
  const found = await client.stat(content, {
    signal: session.signal,
    offline: options.offline === true,
  })
  const rows = [
    ['cid', found.cid],
    ['kind', found.sharded ? `${found.kind} (sharded)` : found.kind],
    ['bytes', `${found.bytes} (${formatBytes(found.bytes)})`],
    ['links', String(found.links)],
    ['codec', found.codec],
  ]
  await session.result(found, formatTable(rows))
}
