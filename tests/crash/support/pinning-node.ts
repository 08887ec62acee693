import type { StorageNode } from '../../../src/index.ts'

/** What a node can do once it pins and collects. */
export type PinningNode = {
  pin(
    cid: string,
    options?: { readonly name?: string; readonly mode?: 'recursive' | 'direct' },
  ): Promise<{ readonly cid: { toString(): string } }>
  unpin(cid: string): Promise<unknown>
  pins(): AsyncIterable<{ readonly cid: { toString(): string } }>
  collect(options?: { readonly dryRun?: boolean; readonly free?: number }): Promise<unknown>
}

/** The same node; what it cannot do yet is undefined. */
export function pinning(node: StorageNode): Partial<PinningNode> {
  const same: object = node
  return same
}
