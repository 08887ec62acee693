/**
 * The one place that names Helia's packages. In a clone they are the installed ones; the built package
 * has their files in `dist/vendor` (docs/decisions/0001-helia-without-webrtc.md).
 */
import { type BitswapBlockBrokerInit, withBitswap } from '@helia/bitswap'
import { withLibp2pLight } from '@helia/libp2p'
import { createHeliaLight, type HeliaInit } from 'helia'
import type { Libp2pOptions } from 'libp2p'

/** A Helia of the parts it is given, with libp2p and Bitswap, not started. */
export function composeHelia(
  init: HeliaInit,
  libp2p: Libp2pOptions,
  bitswap: BitswapBlockBrokerInit,
) {
  return withBitswap(withLibp2pLight(createHeliaLight(init), libp2p), bitswap)
}
