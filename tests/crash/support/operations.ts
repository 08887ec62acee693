import type { StorageNode } from '../../../src/index.ts'
import { carBytes, contentOf, copyOf, entriesOf, isFolder, pickFile, pickMany } from './contents.ts'
import { type PinningNode, pinning } from './pinning-node.ts'
import type { Random } from './random.ts'
import type { Begin } from './records.ts'

/** What operations choose from. */
export type Choices = {
  readonly random: Random
  /** CIDs whose upload, import or pin was acknowledged. */
  readonly known: ReadonlySet<string>
}

/** An operation with all that is random about it decided. `run` gives the CID it is about. */
export type Planned = {
  readonly begin: Begin
  /** Nothing that changes what is kept may run beside it, or nobody knows who was last. */
  readonly alone: boolean
  run(node: StorageNode): Promise<string>
}

export type Operation = {
  readonly weight: number
  /** What the node must be able to do. */
  readonly needs: readonly (keyof PinningNode)[]
  plan(choices: Choices): Planned | undefined
}

/** Few names for the same content: often an upload is there already, row and all. */
const VARIANTS = 3
const MIB = 1024 ** 2

/** THE table: what a random run may do. Switched on by what the node can. */
export const operations: readonly Operation[] = [
  { weight: 10, needs: [], plan: ({ random }) => uploadFile(random, true) },
  { weight: 4, needs: [], plan: ({ random }) => uploadFolder(random) },
  { weight: 3, needs: [], plan: ({ random }) => importArchive(random) },
  { weight: 4, needs: ['collect'], plan: ({ random }) => uploadFile(random, false) },
  { weight: 4, needs: ['pin'], plan: (choices) => change('pin', choices) },
  { weight: 5, needs: ['unpin'], plan: (choices) => change('unpin', choices) },
  { weight: 4, needs: ['collect'], plan: ({ random }) => collect(random) },
]

export function possibleOperations(node: StorageNode): readonly Operation[] {
  return operations.filter(({ needs }) => needs.every((name) => pinning(node)[name] !== undefined))
}

function uploadFile(random: Random, pinned: boolean): Planned {
  const variant = `${pinned ? '' : 'loose'}${random.int(VARIANTS)}`
  return uploadNamed(`${pickFile(random)}~${variant}`, pinned, random.chance(0.5))
}

/** What a client does whose upload was cut off: the same again. */
export function again(begin: Begin): Planned | undefined {
  return begin.type === 'upload' ? uploadNamed(begin.filename, begin.pinned, false) : undefined
}

function uploadNamed(filename: string, pinned: boolean, inPieces: boolean): Planned {
  const content = contentOf(filename)
  const run = async (node: StorageNode) => {
    const options = { filename, ...(!pinned && { pin: false }) }
    if (isFolder(content)) return (await node.upload({ entries: entriesOf(content) }, options)).cid
    const bytes = copyOf(content)
    return (await node.upload(inPieces ? pieces(bytes) : bytes, options)).cid
  }
  return { begin: { type: 'upload', filename, pinned }, alone: false, run }
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const size = MIB / 3
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size)
}

function uploadFolder(random: Random): Planned {
  return uploadNamed(`${pickMany(random, 'd')}~${random.int(VARIANTS)}`, true, false)
}

function importArchive(random: Random): Planned {
  const content = pickMany(random, 'c')
  const run = async (node: StorageNode) => {
    const { roots } = await node.importCar(await carBytes(content))
    const [root] = roots
    if (root?.pinned !== true) throw new Error(`the root of ${content} was not kept`)
    return root.cid
  }
  return { begin: { type: 'import', content }, alone: false, run }
}

function change(type: 'pin' | 'unpin', { random, known }: Choices): Planned | undefined {
  if (known.size === 0) return undefined
  const cid = random.pick([...known])
  const run = async (node: StorageNode) => {
    await pinning(node)[type]?.(cid)
    return cid
  }
  return { begin: { type, cid }, alone: true, run }
}

function collect(random: Random): Planned {
  const dryRun = random.chance(0.1)
  const run = async (node: StorageNode) => {
    await pinning(node).collect?.({ dryRun })
    return ''
  }
  return { begin: { type: 'collect' }, alone: false, run }
}
