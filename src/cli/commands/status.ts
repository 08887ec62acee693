import type { Flags } from '../../config/load.ts'
import { connect } from '../daemon-client.ts'
import { formatBytes, formatDuration, formatTable } from '../display.ts'
import type { Session } from '../session.ts'

export async function status(session: Session, options: Flags): Promise<void> {
  await using client = await connect(session, options)
  const found = await client.status({ signal: session.signal })
  const rows = [
    ['version', found.version],
    ['api', client.url],
    ['data', found.dataDir ?? 'in memory'],
    ['up', `${formatDuration(found.uptimeSeconds * 1000)} (since ${found.startedAt})`],
    ['blocks', `${found.blocks} (${formatBytes(found.blockBytes)})`],
    ['uploads', `${found.uploads} (${formatBytes(found.uploadBytes)})`],
  ]
  await session.result(found, formatTable(rows))
}
