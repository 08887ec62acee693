import type { Flags } from '../../config/load.ts'
import { connect } from '../daemon-client.ts'
import { formatBytes, formatTable } from '../display.ts'
import type { Session } from '../session.ts'

export async function stat(session: Session, content: string, options: Flags): Promise<void> {
  await using client = await connect(session, options)
  const found = await client.stat(content, { signal: session.signal })
  const rows = [
    ['cid', found.cid],
    ['kind', found.sharded ? `${found.kind} (sharded)` : found.kind],
    ['bytes', `${found.bytes} (${formatBytes(found.bytes)})`],
    ['links', String(found.links)],
    ['codec', found.codec],
  ]
  await session.result(found, formatTable(rows))
}
