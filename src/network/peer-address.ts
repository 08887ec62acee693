import type { PeerId } from '@libp2p/interface'
import { peerIdFromString } from '@libp2p/peer-id'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { PrsmError } from '../core/errors.ts'

/** Where a peer is reached, and who has to answer there. */
export type PeerAddress = { readonly id: PeerId; readonly address: Multiaddr }

const HINT = 'give what `prsm id` prints on its side, as /ip4/127.0.0.1/tcp/4001/p2p/12D3…'

/** Reads a multiaddr that ends in `/p2p/` and a peer ID. Throws INVALID_INPUT. */
export function parsePeerAddress(text: string): PeerAddress {
  const address = parseMultiaddr(text)
  const last = address.getComponents().at(-1)
  if (last?.name === 'p2p' && last.value !== undefined && address.getComponents().length > 1) {
    return { id: parsePeerId(last.value), address }
  }
  throw new PrsmError('INVALID_INPUT', `${text} does not end in /p2p/ and a peer ID`, {
    hint: HINT,
  })
}

/** Reads a multiaddr. Throws INVALID_INPUT. */
export function parseMultiaddr(text: string): Multiaddr {
  try {
    return multiaddr(text)
  } catch (cause) {
    throw new PrsmError('INVALID_INPUT', `not a multiaddr: ${JSON.stringify(text.slice(0, 200))}`, {
      cause,
      hint: HINT,
    })
  }
}

/** Reads a peer ID. Throws INVALID_INPUT. */
export function parsePeerId(text: string): PeerId {
  try {
    return peerIdFromString(text)
  } catch (cause) {
    throw new PrsmError('INVALID_INPUT', `not a peer ID: ${JSON.stringify(text.slice(0, 200))}`, {
      cause,
      hint: 'it looks like 12D3KooW…; `prsm peer ls` lists those that are connected',
    })
  }
}
