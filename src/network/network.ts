import type { Connection, Libp2p } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { BlockFetcher, FetchOptions, LocalBlocks } from '../core/block-source.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { NetworkOptions, NodeIdentity, PeerConnection } from '../core/network.ts'
import { cancelled } from '../core/signal.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { BitswapEngine } from './bitswap-engine.ts'
import { startHelia } from './helia-node.ts'
import { Inbox } from './inbox.ts'
import { KeptPeers } from './kept-peers.ts'
import { libp2pOptions } from './libp2p-options.ts'
import { freeListenAddresses } from './listen-addresses.ts'
import { bridgeLog } from './log-bridge.ts'
import { Outbox } from './outbox.ts'
import { parsePeerAddress, parsePeerId } from './peer-address.ts'
import { openPeerDatastore } from './peer-datastore.ts'
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
  const { datastore, close } = await openPeerDatastore(path, log)
  stack.defer(close)
  const logger = bridgeLog(log)
  let isReady = false
  const { helia, libp2p, engine } = await startHelia({
    blockstore: new ServingView(blocks, metrics),
    datastore,
    logger,
    libp2p: {
      ...libp2pOptions({ privateKey, listen, agent, metrics, logger }),
      // Until our own reading has taken the place of the engine's.
      connectionGater: { denyInboundConnection: () => !isReady },
    },
  })
  stack.defer(async () => void (await helia.stop()))
  const keptPeers = new KeptPeers(libp2p, log)
  stack.defer(() => keptPeers.stop())
  const outbox: Outbox = new Outbox(libp2p, log, (peer) => wants.failed(peer))
  const wants: Wants = new Wants({
    outbox,
    metrics,
    away: () => [...keptPeers.away(), ...newcomers(libp2p, wants)],
  })
  const serving = new ServeQueue(engine, { blocks, log, outbox })
  const inbox = new Inbox(log, (peer, message) => {
    wants.receive(peer.toString(), message)
    serving.receive(peer, message)
  })
  await inbox.listen(libp2p)
  isReady = true
  followPeers({ libp2p, engine, wants, serving })
  stack.defer(() => wants.stop())
  stack.defer(() => outbox.stop())
  for (const peer of kept) keptPeers.keep(peer)
  return new Network({ libp2p, wants, keptPeers, serving, agent, open: stack.move() })
}

type Followed = {
  readonly libp2p: Libp2p
  readonly engine: BitswapEngine
  readonly wants: Wants
  readonly serving: ServeQueue
}

/**
 * Who may be asked comes from the engine, which knows what peers speak; who is gone from libp2p: of a
 * peer that has taken back what it speaks the engine does not say that it went.
 */
function followPeers({ libp2p, engine, wants, serving }: Followed): void {
  engine.network.addEventListener('peer:connected', ({ detail }) => {
    if (libp2p.getConnections(detail).length > 0) wants.connected(detail)
  })
  engine.network.addEventListener('peer:disconnected', ({ detail }) =>
    wants.disconnected(detail.toString()),
  )
  libp2p.addEventListener('connection:close', ({ detail: { remotePeer } }) => {
    if (libp2p.getConnections(remotePeer).length > 0) wants.askAnew(remotePeer.toString())
  })
  libp2p.addEventListener('peer:disconnect', ({ detail }) => {
    wants.disconnected(detail.toString())
    serving.forget(detail)
  })
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
