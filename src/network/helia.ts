/**
 * The one place that names Helia's packages. In a clone they are the installed ones; the built package
 * has their files in `dist/vendor` (docs/decisions/0001-helia-without-webrtc.md).
 */
export { withBitswap } from '@helia/bitswap'
export { withLibp2pLight } from '@helia/libp2p'
export { createHeliaLight } from 'helia'
