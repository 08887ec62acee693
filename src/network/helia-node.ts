import type { BlockBroker } from '@helia/interface'
import type { ComponentLogger, Libp2p } from '@libp2p/interface'
import type { Blockstore } from 'interface-blockstore'
import type { Datastore } from 'interface-datastore'
import type { Libp2pOptions } from 'libp2p'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { type BitswapEngine, engineOf } from './bitswap-engine.ts'
import { loadHelia } from './load-helia.ts'

type HeliaInit = {
  readonly blockstore: Blockstore
  readonly datastore: Datastore
  readonly logger: ComponentLogger
  readonly libp2p: Libp2pOptions
}

type HeliaNode = {
  readonly helia: { stop(): Promise<unknown> }
  readonly libp2p: Libp2p
  readonly engine: BitswapEngine
}

/** Milliseconds a message may take to go: a slow link needs its time for a large block. */
const MESSAGE_MS = 120_000
const MIB = 1024 * 1024

/** Settings that are safe (docs/ARCHITECTURE.md names the faults they work round). */
const BITSWAP_SETTINGS = {
  messageSendTimeout: MESSAGE_MS,
  // The messages that go at a time, to all peers together: those to peers that read nothing are among them.
  messageSendConcurrency: limits.maxConnections,
  // One block of the usual size a message: a slow peer has each as soon as it is through.
  maxOutgoingMessageSize: 1.25 * MIB,
  // Read under this name, though documented as maxWantlistSize.
  maxWantListSize: 4 * limits.maxPeerWants,
  // A peer that asks again, after a connection that broke, gets the block again.
  doNotResendBlockWindow: -1,
}

/** Composes Helia of its parts and starts it. Its blockstore serves; blocks are asked for by us alone. */
export async function startHelia(init: HeliaInit): Promise<HeliaNode> {
  const { blockstore, datastore, logger } = init
  const { composeHelia } = await loadHelia()
  const helia = composeHelia({ blockstore, datastore, logger }, init.libp2p, BITSWAP_SETTINGS)
  const broker = keepBroker(helia)
  try {
    await helia.start()
  } catch (cause) {
    await helia.stop().catch(() => {})
    throw new PrsmError('CONFIG_INVALID', `the network node did not start: ${cause}`, {
      cause,
      hint: 'look at PRSM_SWARM_LISTEN, or run without it: PRSM_NETWORK=off',
    })
  }
  return { helia, libp2p: helia.libp2p, engine: engineOf(broker()) }
}

/** Takes the broker that Bitswap adds, so that nothing of Helia asks the network for a block by itself. */
function keepBroker(helia: { addBlockBroker: (...args: never) => void }): () => BlockBroker {
  let kept: BlockBroker | undefined
  Object.assign(helia, {
    addBlockBroker: (broker: BlockBroker) => {
      kept = broker
    },
  })
  return () => {
    if (kept !== undefined) return kept
    throw new TypeError('@helia/bitswap added no broker')
  }
}
