import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Connection, Libp2p } from '@libp2p/interface'
import { MemoryDatastore } from 'datastore-core'
import { LevelDatastore } from 'datastore-level'
import type { Datastore } from 'interface-datastore'
import type { CID } from 'multiformats/cid'
import type { BlockFetcher, FetchOptions, LocalBlocks } from '../core/block-source.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { NetworkOptions, NodeIdentity, PeerConnection } from '../core/network.ts'
import { cancelled } from '../core/signal.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { startHelia } from './helia-node.ts'
import { KeptPeers } from './kept-peers.ts'
import { libp2pOptions } from './libp2p-options.ts'
import { freeListenAddresses } from './listen-addresses.ts'
import { bridgeLog } from './log-bridge.ts'
import { Outbox } from './outbox.ts'
import { parsePeerAddress, parsePeerId } from './peer-address.ts'
import { loadPrivateKey } from './private-key.ts'
import { ServeQueue } from './serve-queue.ts'
import { ServingView } from './serving-view.ts'
import { Wants } from './wants.ts'

export type NetworkInit = Required<NetworkOptions> & {
  /** The folder of the key and of what is known of peers; null keeps both in memory. */
  readonly path: string | null
  /** What peers are served. */
  readonly blocks: LocalBlocks
  /** What this node calls itself to others: `prsm-ipfs/0.1.0`. */
  readonly agent: string
  /** A port that is taken is replaced by a free one. */
  readonly anyPort: boolean
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Starts the network node: listens, serves what is here, connects to the peers it is to keep. */
export async function startNetwork(init: NetworkInit): Promise<Network> {
  const { path, blocks, logger: log, metrics, agent } = init
  const kept = init.peers.map(parsePeerAddress)
  const privateKey = await loadPrivateKey(path, log)
  const listen = await freeListenAddresses(init.listen, { anyPort: init.anyPort, log })
  await using stack = new AsyncDisposableStack()
  const { datastore, close } = await openDatastore(path, log)
  stack.defer(close)
  const logger = bridgeLog(log)
  const { helia, libp2p, engine } = await startHelia({
    blockstore: new ServingView(blocks, metrics),
    datastore,
    logger,
    libp2p: libp2pOptions({ privateKey, listen, agent, metrics, logger }),
  })
  stack.defer(async () => void (await helia.stop()))
  const keptPeers = new KeptPeers(libp2p, log)
  stack.defer(() => keptPeers.stop())
  const outbox: Outbox = new Outbox(libp2p, log, (peer) => wants.failed(peer))
  const wants: Wants = new Wants(engine, outbox, {
    away: () => [...keptPeers.away(), ...newcomers(libp2p, wants)],
  })
  const serving = new ServeQueue(engine, { blocks, log, outbox })
  stack.defer(() => wants.stop())
  stack.defer(() => outbox.stop())
  for (const peer of kept) keptPeers.keep(peer)
  return new Network({ libp2p, wants, keptPeers, serving, agent, open: stack.move() })
}

type NetworkParts = {
  readonly libp2p: Libp2p
  readonly wants: Wants
  readonly keptPeers: KeptPeers
  readonly serving: ServeQueue
  readonly agent: string
  readonly open: AsyncDisposableStack
}

/** The node's place among others: who it is, whom it is connected to, and blocks from them. */
export class Network implements BlockFetcher, AsyncDisposable {
  readonly name = 'peers'
  readonly #parts: NetworkParts
  /** What peers call themselves, once they have said it. */
  readonly #agents = new Map<string, string>()

  constructor(parts: NetworkParts) {
    this.#parts = parts
    parts.libp2p.addEventListener('peer:identify', ({ detail }) => {
      const { peerId, agentVersion } = detail
      if (agentVersion !== undefined)
        this.#agents.set(peerId.toString(), agentVersion.slice(0, 200))
    })
    parts.libp2p.addEventListener('peer:disconnect', ({ detail }) =>
      this.#agents.delete(detail.toString()),
    )
  }

  identity(): NodeIdentity {
    const { libp2p, agent } = this.#parts
    return {
      id: libp2p.peerId.toString(),
      addresses: libp2p.getMultiaddrs().map(String),
      agent,
    }
  }

  peers(): readonly PeerConnection[] {
    const open = this.#parts.libp2p.getConnections().filter(({ status }) => status === 'open')
    return open.map((connection) => this.#describe(connection))
  }

  /** Calls `listener` whenever a peer that exchanges blocks has connected. */
  onPeer(listener: () => void): void {
    this.#parts.libp2p.addEventListener('peer:identify', listener)
  }

  /** Throws INVALID_INPUT, PEER_UNREACHABLE, CANCELLED. */
  async connect(text: string, { signal }: { signal?: AbortSignal } = {}): Promise<PeerConnection> {
    const { libp2p } = this.#parts
    const peer = parsePeerAddress(text)
    if (peer.id.equals(libp2p.peerId)) {
      throw new PrsmError('INVALID_INPUT', `${text} is this node itself`)
    }
    const timeout = AbortSignal.timeout(limits.dialMs)
    try {
      const connection = await libp2p.dial(peer.address, {
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      })
      return this.#describe(connection)
    } catch (error) {
      if (signal?.aborted) throw cancelled(signal)
      throw unreachable(text, error)
    }
  }

  /** Throws INVALID_INPUT, and PEER_UNREACHABLE for one that is not connected. */
  async disconnect(id: string): Promise<void> {
    const { libp2p, keptPeers } = this.#parts
    const peerId = parsePeerId(id)
    // A peer ID can be written in more than one way; kept peers are known by this one.
    const known = peerId.toString()
    const wasKept = keptPeers.has(known)
    keptPeers.letGo(known)
    if (libp2p.getConnections(peerId).length === 0 && !wasKept) {
      throw new PrsmError('PEER_UNREACHABLE', `${id} is not connected`, {
        hint: '`prsm peer ls` lists the peers that are',
      })
    }
    await libp2p.hangUp(peerId)
  }

  fetch(cid: CID, options: FetchOptions): Promise<Uint8Array> {
    return this.#parts.wants.fetch(cid, options)
  }

  reject(cid: CID): void {
    this.#parts.wants.reject(cid)
  }

  waitingFor(cid: CID): readonly string[] {
    return this.#parts.wants.waitingFor(cid)
  }

  /** Says that a block is here now: peers that asked in vain get it. */
  announce(cid: CID): void {
    this.#parts.serving.stored(cid)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#parts.open.disposeAsync()
  }

  #describe({ remotePeer, remoteAddr, direction, timeline }: Connection): PeerConnection {
    const id = remotePeer.toString()
    const agent = this.#agents.get(id)
    return {
      id,
      address: remoteAddr.toString(),
      direction,
      openedAt: new Date(timeline.open).toISOString(),
      ...(agent === undefined ? {} : { agent }),
      kept: this.#parts.keptPeers.has(id),
    }
  }
}

type OpenDatastore = { readonly datastore: Datastore; close(): Promise<void> }

/** A store that cannot be opened (a full disk) is replaced by memory: it holds nothing but what is known of peers. */
async function openDatastore(path: string | null, log: Logger): Promise<OpenDatastore> {
  const inMemory = { datastore: new MemoryDatastore(), close: async () => {} }
  if (path === null) return inMemory
  const folder = join(path, 'peers')
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const datastore = new LevelDatastore(folder)
    await datastore.open()
    return { datastore, close: () => datastore.close() }
  } catch (error) {
    log.warn({ err: error, folder }, 'what is known of peers is kept in memory for this run')
    return inMemory
  }
}

/** Milliseconds a new connection has to say whether it exchanges blocks. */
const GREETING_MS = 5_000

/** Peers that have just connected, and may be asked in a moment. */
function newcomers(libp2p: Libp2p, wants: Wants): readonly string[] {
  const since = Date.now() - GREETING_MS
  return libp2p
    .getConnections()
    .filter(({ status, timeline }) => status === 'open' && timeline.open > since)
    .map(({ remotePeer }) => remotePeer.toString())
    .filter((id) => !wants.knows(id))
}

function unreachable(address: string, error: unknown): PrsmError {
  if (isPrsmError(error)) return error
  const why = error instanceof Error ? reasonOf(error) : String(error)
  return new PrsmError('PEER_UNREACHABLE', `${address} cannot be reached: ${why}`, {
    cause: error,
    hint: 'is that node running, and does it listen there? `prsm id` on its side tells',
  })
}

/** libp2p gathers the failures of all addresses; the first one says enough. */
function reasonOf(error: Error): string {
  const [first]: unknown[] = error instanceof AggregateError ? error.errors : []
  return first instanceof Error ? first.message : error.message
}
