import { join } from 'node:path'
import type { LocalBlocks } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Network } from '../network/network.ts'
import { child, type Logger } from '../telemetry/logger.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import type { DataFolder } from './data-folder.ts'
import type { NodeOptions } from './node-options.ts'
import { VERSION } from './version.ts'

type NetworkParts = {
  readonly folder: DataFolder | null
  readonly blocks: LocalBlocks
  readonly logger: Logger
  readonly metrics: Metrics
}

/** Where nobody says it: this machine alone. */
const LISTEN = ['/ip4/127.0.0.1/tcp/4001']

/**
 * Starts the network node, unless it is off: then nothing of it is even loaded. Throws
 * ADDRESS_IN_USE, INVALID_INPUT, and STORE_CORRUPT for a key that cannot be read.
 */
export async function openNetwork(
  { network = 'off' }: Pick<NodeOptions, 'network'>,
  { folder, blocks, logger, metrics }: NetworkParts,
): Promise<Network | null> {
  if (network === 'off') return null
  const { listen = LISTEN, peers = [], anyPort = false } = network === 'on' ? {} : network
  checkPeers(peers)
  const { startNetwork } = await import('../network/network.ts')
  return startNetwork({
    path: folder === null ? null : join(folder.path, 'network'),
    listen,
    peers,
    anyPort,
    agent: `prsm-ipfs/${VERSION}`,
    blocks,
    logger: child(logger, 'network'),
    metrics,
  })
}

function checkPeers(peers: readonly string[]): void {
  if (peers.length <= limits.maxKeptPeers) return
  throw new PrsmError('INVALID_INPUT', `${peers.length} peers are too many to stay connected to`, {
    hint: `name at most ${limits.maxKeptPeers}`,
  })
}
