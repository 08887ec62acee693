import type { StorageClient } from '../../client/client.ts'
import type { Flags } from '../../config/load.ts'
import { PrsmError } from '../../core/errors.ts'
import type { Pin, PinCheck, PinDetails, PinMode, PinResult } from '../../core/pins.ts'
import { contentLines } from '../content-lines.ts'
import { connect } from '../daemon-client.ts'
import { formatBytes, formatDuration, formatName } from '../display.ts'
import { forEach } from '../each.ts'
import { exitCodes } from '../exit-codes.ts'
import { AlreadyTold, type Session } from '../session.ts'

export type DetailFlags = Flags & {
  readonly name?: string
  readonly meta?: Readonly<Record<string, string>>
  readonly expires?: Date | 'never'
  readonly offline?: boolean
}

export type PinAddFlags = DetailFlags & {
  readonly mode?: PinMode
  readonly recursive?: boolean
  readonly fromFile?: string
}

export async function pinAdd(
  session: Session,
  contents: readonly string[],
  flags: PinAddFlags,
): Promise<void> {
  const { fromFile } = flags
  if (contents.length === 0 && fromFile === undefined) {
    throw new PrsmError('INVALID_INPUT', 'there is nothing to pin', {
      hint: 'name CIDs, or with --from-file a file that has one a line',
    })
  }
  await using client = await connect(session, flags)
  const mode = flags.mode ?? (flags.recursive === false ? 'direct' : 'recursive')
  await forEach(session, allOf(contents, fromFile), async (content) => {
    const view = session.pinProgress(content)
    const { onProgress } = view
    const { signal } = session
    const how = { ...detailsOf(flags), mode, onProgress, signal }
    const result = await client.pin(content, how).finally(view.end)
    session.note(`${result.created ? 'pinned' : 'was pinned before'}: ${factsOf(result)}`)
    await session.result(result, result.cid)
  })
}

async function* allOf(contents: readonly string[], fromFile: string | undefined) {
  yield* contents
  if (fromFile !== undefined) yield* contentLines(fromFile)
}

function detailsOf({ name, meta, expires, offline = false }: DetailFlags) {
  const details: PinDetails = {
    ...(name === undefined ? {} : { name }),
    ...(meta === undefined ? {} : { metadata: meta }),
    ...(expires === undefined ? {} : { expiresAt: expires === 'never' ? null : expires }),
  }
  return { ...details, offline }
}

function factsOf({ blocks, fetchedBlocks, fetchedBytes, durationMs }: PinResult): string {
  const fetched =
    fetchedBlocks === 0 ? '' : `, ${fetchedBlocks} (${formatBytes(fetchedBytes)}) fetched`
  return `${blocks} blocks${fetched}, in ${formatDuration(durationMs)}`
}

export async function pinRemove(
  session: Session,
  contents: readonly string[],
  flags: Flags,
): Promise<void> {
  await using client = await connect(session, flags)
  await forEach(session, contents, async (content) => {
    const removed = await client.unpin(content, { signal: session.signal })
    await session.result(removed, removed.cid)
  })
}

export type PinListFlags = Flags & {
  readonly name?: string
  readonly mode?: PinMode
  readonly quiet?: boolean
}

export async function pinList(session: Session, flags: PinListFlags): Promise<void> {
  await using client = await connect(session, flags)
  const { name, mode, quiet = false } = flags
  const filter = {
    ...(name === undefined ? {} : { name }),
    ...(mode === undefined ? {} : { mode }),
    signal: session.signal,
  }
  let count = 0
  for await (const pin of client.pins(filter)) {
    count += 1
    await session.result(pin, quiet ? pin.cid : lineOf(pin))
  }
  if (count === 0) session.note('nothing is pinned that is asked for')
}

function lineOf({ cid, mode, name, expiresAt }: Pin): string {
  const until = expiresAt === undefined ? '' : `  until ${expiresAt}`
  return `${cid}  ${mode.padEnd(9)}${until}  ${formatName(name)}`.trimEnd()
}

export type PinUpdateFlags = DetailFlags & { readonly unpin?: boolean }

export async function pinUpdate(
  session: Session,
  [from, to]: readonly [from: string, to: string],
  flags: PinUpdateFlags,
): Promise<void> {
  await using client = await connect(session, flags)
  const { unpin = true } = flags
  const view = session.pinProgress(to)
  const { onProgress } = view
  const how = { ...detailsOf(flags), unpin, onProgress, signal: session.signal }
  const result = await client.updatePin(from, to, how).finally(view.end)
  session.note(`pinned ${unpin ? 'instead of' : 'beside'} ${from}: ${factsOf(result)}`)
  await session.result(result, result.cid)
}

export async function pinVerify(
  session: Session,
  { read = false, ...flags }: Flags & { readonly read?: boolean },
): Promise<void> {
  await using client = await connect(session, flags)
  const { checked, incomplete } = await tellChecks(session, client, read)
  session.note(`${checked} pins looked at, ${incomplete} incomplete`)
  if (incomplete > 0) throw new AlreadyTold(exitCodes.refused[0])
}

async function tellChecks(session: Session, client: StorageClient, read: boolean) {
  const count = { checked: 0, incomplete: 0 }
  for await (const check of client.verifyPins({ read, signal: session.signal })) {
    count.checked += 1
    if (!check.complete) count.incomplete += 1
    await session.result(check, checkLine(check))
  }
  return count
}

function checkLine({ cid, complete, blocks, missing }: PinCheck): string {
  if (complete) return `${cid}  complete    ${blocks} blocks`
  return `${cid}  incomplete  ${blocks} blocks, without ${missing.join(' ')}`
}
