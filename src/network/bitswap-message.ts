/** The protocol this node speaks with its peers. */
export const BITSWAP = '/ipfs/bitswap/1.2.0'

/** One message of a peer, decoded and not checked. */
export type BitswapMessage = {
  readonly wantlist: { readonly entries: readonly BitswapWant[]; readonly full: boolean }
  readonly blocks: readonly { readonly prefix: Uint8Array; readonly data: Uint8Array }[]
  readonly blockPresences: readonly { readonly cid: Uint8Array; readonly has: boolean }[]
}

export type BitswapWant = {
  readonly cid: Uint8Array
  readonly priority: number
  readonly cancel: boolean
  readonly wantType: 'WantBlock' | 'WantHave'
  readonly sendDontHave: boolean
}
