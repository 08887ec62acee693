import { createReadStream, globSync } from 'node:fs'
import { CarReader } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagPb from '@ipld/dag-pb'
import { UnixFS } from 'ipfs-unixfs'
import { CID } from 'multiformats/cid'
import { fixtures } from '../../support/fixtures.ts'

/** A CAR of the public suite, read with the libraries of others: the expectation is not ours. */
export type Fixture = {
  readonly root: CID
  /** The node a path leads to, through flat and sharded folders and links of DAG-CBOR documents. */
  at(...names: readonly string[]): CID
  /** The bytes of the block a path leads to. */
  block(...names: readonly string[]): Uint8Array
  /** All below a node, depth first, itself not. */
  below(...names: readonly string[]): readonly string[]
  /** The shards below the root that lead to the entry `name`, the root itself not. */
  shardsTo(name: string): readonly string[]
  /** All shards below the root, depth first. */
  shards(): readonly string[]
}

/** The CARs of the suite, as absolute paths. */
export const fixtureCars: readonly string[] = globSync('**/*.car', { cwd: fixtures })
  .sort()
  .map((name) => `${fixtures}/${name}`)

/** Opens one by its name, as `dir_listing/fixtures.car`. */
export async function openFixture(name: string): Promise<Fixture> {
  const reader = await CarReader.fromIterable(createReadStream(`${fixtures}/${name}`))
  const blocks = new Map<string, Uint8Array>()
  for await (const { cid, bytes } of reader.blocks()) blocks.set(cid.toString(), bytes)
  const [root] = await reader.getRoots()
  if (root === undefined) throw new Error(`${name} has no root`)
  return new Dag(root, blocks)
}

type Link = { readonly name: string; readonly cid: CID }

class Dag implements Fixture {
  readonly root: CID
  readonly #blocks: ReadonlyMap<string, Uint8Array>

  constructor(root: CID, blocks: ReadonlyMap<string, Uint8Array>) {
    this.root = root
    this.#blocks = blocks
  }

  at(...names: readonly string[]): CID {
    return names.reduce<CID>((cid, name) => this.#child(cid, name), this.root)
  }

  block(...names: readonly string[]): Uint8Array {
    return this.#bytes(this.at(...names))
  }

  below(...names: readonly string[]): readonly string[] {
    return this.#descendants(this.at(...names))
  }

  shardsTo(name: string): readonly string[] {
    const way = this.#shardWay(this.root, name)
    if (way === undefined) throw new Error(`no ${name} in ${this.root}`)
    return way.map(String)
  }

  shards(): readonly string[] {
    return this.#innerShards(this.root)
  }

  #bytes(cid: CID): Uint8Array {
    const bytes = this.#blocks.get(cid.toString())
    if (bytes === undefined) throw new Error(`the fixture has no block ${cid}`)
    return bytes
  }

  #links(cid: CID): readonly Link[] {
    if (cid.code !== dagPb.code || !this.#blocks.has(cid.toString())) return []
    return dagPb.decode(this.#bytes(cid)).Links.map(({ Name, Hash }) => ({
      name: Name ?? '',
      cid: Hash,
    }))
  }

  #isShard(cid: CID): boolean {
    if (cid.code !== dagPb.code || !this.#blocks.has(cid.toString())) return false
    const { Data } = dagPb.decode(this.#bytes(cid))
    return Data !== undefined && UnixFS.unmarshal(Data).type === 'hamt-sharded-directory'
  }

  #child(cid: CID, name: string): CID {
    if (cid.code === dagCbor.code) return this.#inDocument(cid, name)
    if (this.#isShard(cid)) {
      const way = this.#shardWay(cid, name)
      const last = way?.at(-1) ?? cid
      const entry = this.#links(last).find((link) => link.name.slice(2) === name)
      if (entry !== undefined) return entry.cid
    }
    const found = this.#links(cid).find((link) => link.name === name)
    if (found === undefined) throw new Error(`no ${name} in ${cid}`)
    return found.cid
  }

  /** Only what the fixtures need: `a/b` names a link two maps deep. */
  #inDocument(cid: CID, path: string): CID {
    let value: unknown = dagCbor.decode(this.#bytes(cid))
    for (const key of path.split('/')) value = Object(value)[key]
    const link = CID.asCID(value)
    if (link === null) throw new Error(`${path} of ${cid} is no link`)
    return link
  }

  #descendants(cid: CID): readonly string[] {
    return this.#links(cid).flatMap((link) => [link.cid.toString(), ...this.#descendants(link.cid)])
  }

  #shardWay(shard: CID, name: string): readonly CID[] | undefined {
    for (const link of this.#links(shard)) {
      if (link.name.slice(2) === name) return []
      if (link.name.length > 2) continue
      const way = this.#shardWay(link.cid, name)
      if (way !== undefined) return [link.cid, ...way]
    }
    return undefined
  }

  #innerShards(shard: CID): readonly string[] {
    return this.#links(shard)
      .filter(({ name }) => name.length === 2)
      .flatMap(({ cid }) => [cid.toString(), ...this.#innerShards(cid)])
  }
}
