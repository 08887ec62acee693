import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { identify } from '@libp2p/identify'
import type { Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { expect } from 'vitest'
import { framed, read, type Seen, Unframed } from './bitswap-bytes.ts'
import { LOOPBACK, type Peer, until } from './support.ts'

const BITSWAP = '/ipfs/bitswap/1.2.0'

type Script = {
  /** Answers a message of the node; without it, it is only noted. */
  readonly onMessage?: (message: Seen, peer: HostilePeer) => void
  /** True: takes no byte of what it is sent. */
  readonly isDeaf?: boolean
}

/** A peer outside of our code that says what a test wants it to: a libp2p node, and bytes. */
export class HostilePeer implements AsyncDisposable {
  readonly node: Libp2p
  /** All it was sent. */
  readonly seen: Seen[] = []
  readonly #script: Script
  #victim = multiaddr(LOOPBACK)

  constructor(node: Libp2p, script: Script) {
    this.node = node
    this.#script = script
  }

  get id(): string {
    return this.node.peerId.toString()
  }

  /** Dials `victim` and waits until that knows what this one speaks. */
  async connect(victim: Peer): Promise<void> {
    this.#victim = multiaddr(victim.address)
    await this.node.dial(this.#victim)
    await until(() => victim.network.peers().some(({ id, agent }) => id === this.id && !!agent))
  }

  open(): Promise<Stream> {
    return this.node.dialProtocol(this.#victim, BITSWAP)
  }

  /** Sends bytes as they are, on a stream of their own, and closes it. */
  async write(...chunks: readonly Uint8Array[]): Promise<void> {
    const stream = await this.open()
    for (const chunk of chunks) if (!stream.send(chunk)) await stream.onDrain()
    await stream.close()
  }

  /** Sends a message of these parts, one after another. */
  async say(...parts: readonly Uint8Array[]): Promise<void> {
    await this.write(framed(Buffer.concat(parts)))
  }

  listen(stream: Stream): void {
    if (this.#script.isDeaf === true) {
      stream.pause()
      return
    }
    stream.close().catch(() => {})
    const messages = new Unframed()
    stream.addEventListener('message', ({ data }) => {
      for (const bytes of messages.take(data.subarray())) {
        const message = read(bytes)
        this.seen.push(message)
        this.#script.onMessage?.(message, this)
      }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node.stop()
  }
}

export async function startHostile(script: Script = {}): Promise<HostilePeer> {
  const node = await createLibp2p({
    addresses: { listen: [LOOPBACK] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
    connectionManager: { reconnectRetries: 0 },
    nodeInfo: { userAgent: 'hostile/1' },
  })
  const peer = new HostilePeer(node, script)
  await node.handle(BITSWAP, (stream) => peer.listen(stream), {
    maxInboundStreams: 10_000,
    maxOutboundStreams: 20_000,
  })
  return peer
}

/** Megabytes this process holds that somebody still needs. */
export function heldMegabytes(): number {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  if (typeof collect === 'function') collect()
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return (heapUsed + arrayBuffers) / 1024 ** 2
}

/** Fails unless no more than so much is held after all that is let go has been collected, which takes its time. */
export async function expectHeld(before: number, megabytes: number, what = ''): Promise<void> {
  const end = Date.now() + SETTLE_MS
  let held = heldMegabytes() - before
  while (held >= megabytes && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    held = heldMegabytes() - before
  }
  expect(held, what).toBeLessThan(megabytes)
}

/** Milliseconds after which what is still held is held. */
const SETTLE_MS = 3_000
