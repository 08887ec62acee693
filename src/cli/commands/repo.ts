import type { Flags } from '../../config/load.ts'
import { connect } from '../daemon-client.ts'
import { formatBytes, formatDuration, formatTable } from '../display.ts'
import type { Session } from '../session.ts'

export type CollectFlags = Flags & { readonly dryRun?: boolean; readonly free?: number }

export async function repoStat(session: Session, flags: Flags): Promise<void> {
  await using client = await connect(session, flags)
  const found = await client.repoStat({ signal: session.signal })
  const size = (bytes: number): string => `${bytes} (${formatBytes(bytes)})`
  const rows = [
    ['uploaded', size(found.logicalBytes)],
    ['stored', `${size(found.storedBytes)} in ${found.blocks} blocks`],
    ['saved', size(found.savedBytes)],
    ['on disk', size(found.physicalBytes)],
    ['promised', size(found.reservedBytes)],
    ['limit', found.maxBytes === null ? 'that of the disk' : size(found.maxBytes)],
  ]
  await session.result(found, formatTable(rows))
}

export async function collect(session: Session, flags: CollectFlags): Promise<void> {
  await using client = await connect(session, flags)
  const { dryRun = false, free } = flags
  const result = await client.collect({
    dryRun,
    ...(free === undefined ? {} : { free }),
    signal: session.signal,
  })
  const { blocks, bytes, expiredPins, durationMs } = result
  const rows = [
    ['blocks', `${blocks}`],
    ['bytes', `${bytes} (${formatBytes(bytes)})`],
    ['pins', `${expiredPins} expired`],
  ]
  session.note(`${dryRun ? 'would take' : 'took'}, in ${formatDuration(durationMs)}:`)
  await session.result(result, formatTable(rows))
}
