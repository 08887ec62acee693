import type { BlockBroker } from '@helia/interface'
import type { PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'
import type { BitswapMessage } from './bitswap-message.ts'

/** The parts of `@helia/bitswap` 4.0.19 that are used from outside; its class does not show them. */
export type BitswapEngine = {
  readonly network: {
    addEventListener(
      type: 'peer:connected' | 'peer:disconnected',
      listener: (event: { readonly detail: PeerId }) => void,
    ): void
  }
  readonly peerWantLists: {
    receiveMessage(peer: PeerId, message: BitswapMessage): void
    receivedBlock(cid: CID, options: object): Promise<void>
    readonly ledgerMap: {
      get(peer: PeerId): Ledger | undefined
      delete(peer: PeerId): void
    }
  }
}

/** What the engine knows of a peer. */
export type Ledger = {
  readonly sendQueue: { onIdle(): Promise<void> }
  hasWant(cid: CID): boolean
}

/**
 * The engine inside the broker that Helia was given. A later version of the package may look
 * otherwise: then the node does not start, instead of exchanging nothing.
 */
export function engineOf(broker: BlockBroker): BitswapEngine {
  const engine: unknown = Reflect.get(broker, 'bitswap')
  if (isEngine(engine)) return engine
  throw new TypeError('this version of @helia/bitswap is not the one that was built for')
}

function isEngine(value: unknown): value is BitswapEngine {
  const { network, peerWantLists } = Object(value)
  return (
    typeof network?.addEventListener === 'function' &&
    typeof peerWantLists?.receiveMessage === 'function' &&
    typeof peerWantLists?.receivedBlock === 'function' &&
    typeof peerWantLists?.ledgerMap?.get === 'function' &&
    typeof peerWantLists?.ledgerMap?.delete === 'function'
  )
}
