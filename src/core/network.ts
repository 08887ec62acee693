/** A connection to another node. */
export type PeerConnection = {
  /** Its peer ID (base58btc). */
  readonly id: string
  /** Multiaddr it is connected by. */
  readonly address: string
  readonly direction: 'inbound' | 'outbound'
  /** ISO 8601 in UTC. */
  readonly openedAt: string
  /** What it calls itself (identify), once it has. */
  readonly agent?: string
  /** True for a peer of the configuration, which is connected again when the connection ends. */
  readonly kept: boolean
}

/** Who this node is to others. */
export type NodeIdentity = {
  readonly id: string
  /** Multiaddrs others reach it by, each with its `/p2p/` part. */
  readonly addresses: readonly string[]
  readonly agent: string
}

export type NetworkOptions = {
  /** Multiaddrs to listen on. Default `/ip4/127.0.0.1/tcp/4001`; port 0 picks a free one; none: listens nowhere. */
  readonly listen?: readonly string[]
  /** Multiaddrs with `/p2p/` of peers that are kept connected. */
  readonly peers?: readonly string[]
}
