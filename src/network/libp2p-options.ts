import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { ComponentLogger, PrivateKey } from '@libp2p/interface'
import { ping } from '@libp2p/ping'
import { prometheusMetrics } from '@libp2p/prometheus-metrics'
import { tcp } from '@libp2p/tcp'
import type { Libp2pOptions } from 'libp2p'
import { limits } from '../core/limits.ts'
import type { Metrics } from '../telemetry/metrics.ts'

type Init = {
  readonly privateKey: PrivateKey
  readonly listen: readonly string[]
  readonly agent: string
  readonly metrics: Metrics
  readonly logger: ComponentLogger
}

/** Milliseconds without a byte after which a socket is closed. Pings keep a live one from it. */
const SILENT_SOCKET_MS = 300_000

/** TCP, noise, yamux, identify and ping: what it takes to talk to Kubo and to each other, and no more. */
export function libp2pOptions({ privateKey, listen, agent, metrics, logger }: Init): Libp2pOptions {
  return {
    privateKey,
    logger,
    nodeInfo: { userAgent: agent },
    addresses: { listen: [...listen] },
    transports: [
      tcp({
        inboundSocketInactivityTimeout: SILENT_SOCKET_MS,
        outboundSocketInactivityTimeout: SILENT_SOCKET_MS,
      }),
    ],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        maxInboundStreams: limits.maxPeerStreams,
        streamOptions: {
          // What a stream that is not read may still send us is what it holds at most.
          maxStreamWindowSize: limits.streamWindowBytes,
          // Before somebody reads it, its window is opened again and again: a whole message may be there by then.
          maxReadBufferLength: 2 * limits.streamWindowBytes,
        },
      }),
    ],
    services: { identify: identify(), ping: ping() },
    connectionManager: {
      maxConnections: limits.maxConnections,
      maxIncomingPendingConnections: limits.maxPendingConnections,
      // Five a second from one host is libp2p's own: programs on this machine are one host.
      inboundConnectionThreshold: limits.maxConnections,
      dialTimeout: limits.dialMs,
      // Peers that are to be kept are dialled by us, with pauses.
      reconnectRetries: 0,
    },
    // On a slow link that is full a ping comes late, and the transfer would be cut off for it.
    connectionMonitor: { abortConnectionOnPingFailure: false },
    metrics: prometheusMetrics({
      registry: metrics.registry,
      collectDefaultMetrics: false,
      preserveExistingMetrics: true,
    }),
  }
}
