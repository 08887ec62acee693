import type { BlockBroker } from '@helia/interface'
import type { Connection, PeerId } from '@libp2p/interface'
import type { CID } from 'multiformats/cid'

/** The protocol this node speaks with its peers. */
export const BITSWAP = '/ipfs/bitswap/1.2.0'

/** One message of a peer, decoded and not checked. */
export type BitswapMessage = {
  readonly wantlist?: {
    readonly entries: readonly BitswapWant[]
    readonly full?: boolean
  }
  readonly blocks: readonly { readonly prefix: Uint8Array; readonly data: Uint8Array }[]
  readonly blockPresences: readonly { readonly cid: Uint8Array; readonly type: unknown }[]
}

export type BitswapWant = {
  readonly cid: Uint8Array
  readonly priority: number
  readonly cancel?: boolean
  readonly wantType?: unknown
  readonly sendDontHave?: boolean
}

/** The parts of `@helia/bitswap` 4.0.19 that are used from outside; its class does not show them. */
export type BitswapEngine = {
  readonly network: {
    addEventListener(
      type: 'bitswap:message',
      listener: (event: {
        readonly detail: { readonly message: BitswapMessage; readonly connection: Connection }
      }) => void,
    ): void
    addEventListener(
      type: 'peer:connected' | 'peer:disconnected',
      listener: (event: { readonly detail: PeerId }) => void,
    ): void
  }
  readonly wantList: { receiveMessage: (...args: never) => Promise<void> }
  readonly peerWantLists: {
    receiveMessage(peer: PeerId, message: BitswapMessage): void
    receivedBlock(cid: CID, options: object): Promise<void>
    readonly ledgerMap: {
      get(peer: PeerId): { readonly sendQueue: { onIdle(): Promise<void> } } | undefined
    }
  }
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
  const { network, wantList, peerWantLists } = Object(value)
  return (
    typeof network?.addEventListener === 'function' &&
    typeof wantList?.receiveMessage === 'function' &&
    typeof peerWantLists?.receiveMessage === 'function' &&
    typeof peerWantLists?.receivedBlock === 'function' &&
    typeof peerWantLists?.ledgerMap?.get === 'function'
  )
}
