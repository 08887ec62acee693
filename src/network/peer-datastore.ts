import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type AbortOptions, NotFoundError } from '@libp2p/interface'
import { BaseDatastore, MemoryDatastore } from 'datastore-core'
import { LevelDatastore } from 'datastore-level'
import type { Datastore, Key, KeyQuery, Pair, Query } from 'interface-datastore'
import { limits } from '../core/limits.ts'
import type { Logger } from '../telemetry/logger.ts'

type OpenDatastore = { readonly datastore: Datastore; close(): Promise<void> }

/**
 * Opens the store of what is known of peers, which is all it holds: one that cannot be opened (a full
 * disk) is replaced by memory, and so is every write that fails. Null keeps everything in memory.
 */
export async function openPeerDatastore(path: string | null, log: Logger): Promise<OpenDatastore> {
  const inMemory = { datastore: new MemoryDatastore(), close: async () => {} }
  if (path === null) return inMemory
  const folder = join(path, 'peers')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const level = new LevelDatastore(folder)
    await level.open()
    return { datastore: new LenientDatastore(level, log), close: () => level.close() }
  } catch (error) {
    log.warn({ err: error, folder }, 'what is known of peers is kept in memory for this run')
    return inMemory
  }
}

/** Holds in memory what its store does not take: a peer is of use also while the disk is full. */
export class LenientDatastore extends BaseDatastore {
  readonly #store: Datastore
  readonly #log: Logger
  /** Newer than what the store has, oldest first; null where it is to have nothing. */
  readonly #held = new Map<string, { readonly key: Key; readonly value: Uint8Array | null }>()

  constructor(store: Datastore, log: Logger) {
    super()
    this.#store = store
    this.#log = log
  }

  override async put(key: Key, value: Uint8Array, options?: AbortOptions): Promise<Key> {
    await this.#write(() => this.#store.put(key, value, options), { key, value, ...options })
    return key
  }

  override async delete(key: Key, options?: AbortOptions): Promise<void> {
    await this.#write(() => this.#store.delete(key, options), { key, value: null, ...options })
  }

  override async get(key: Key, options?: AbortOptions): Promise<Uint8Array> {
    const held = this.#held.get(key.toString())
    if (held === undefined) return await this.#store.get(key, options)
    if (held.value === null) throw new NotFoundError('deleted')
    return held.value
  }

  override async has(key: Key, options?: AbortOptions): Promise<boolean> {
    const held = this.#held.get(key.toString())
    return held === undefined ? await this.#store.has(key, options) : held.value !== null
  }

  override async *_all({ prefix }: Query, options?: AbortOptions): AsyncGenerator<Pair> {
    for await (const pair of this.#store.query(of(prefix), options)) {
      if (!this.#held.has(pair.key.toString())) yield pair
    }
    for (const { key, value } of [...this.#held.values()]) if (value !== null) yield { key, value }
  }

  override async *_allKeys({ prefix }: KeyQuery, options?: AbortOptions): AsyncGenerator<Key> {
    for await (const { key } of this._all(of(prefix), options)) yield key
  }

  async #write(
    work: () => unknown,
    { key, value, signal }: { key: Key; value: Uint8Array | null } & AbortOptions,
  ): Promise<void> {
    const name = key.toString()
    try {
      await work()
      this.#held.delete(name)
    } catch (error) {
      if (signal?.aborted) throw error
      if (this.#held.size === 0) {
        this.#log.warn({ err: error }, 'what is new of peers is kept in memory: it was not written')
      }
      this.#held.delete(name)
      this.#held.set(name, { key, value })
      const [oldest = name] = this.#held.keys()
      if (this.#held.size > limits.maxHeldPeerRecords) this.#held.delete(oldest)
    }
  }
}

function of(prefix: string | undefined): { prefix?: string } {
  return prefix === undefined ? {} : { prefix }
}
