import { interfaceBlockstoreTests } from 'interface-blockstore-tests'
import { describe } from 'vitest'
import { DurableBlockstore } from '../../src/blocks/blockstore.ts'
import { openStore, temporaryFolder } from '../support/block-store.ts'

/** The shared suite of IPFS block stores, on ours: blocks in the database, in files, in memory. */
function suite(name: string, open: (stack: AsyncDisposableStack) => Promise<DurableBlockstore>) {
  describe(name, () => {
    const stacks = new Map<DurableBlockstore, AsyncDisposableStack>()
    interfaceBlockstoreTests({
      setup: async () => {
        const stack = new AsyncDisposableStack()
        const store = await open(stack)
        stacks.set(store, stack)
        return store
      },
      teardown: async (store: DurableBlockstore) => {
        await stacks.get(store)?.disposeAsync()
      },
    })
  })
}

suite('blocks in the database', async (stack) => {
  const { path } = stack.use(await temporaryFolder())
  return new DurableBlockstore(stack.use(await openStore({ folder: path })).store)
})

suite('blocks in files', async (stack) => {
  const { path } = stack.use(await temporaryFolder())
  return new DurableBlockstore(stack.use(await openStore({ folder: path, inlineBytes: 0 })).store)
})

suite('blocks in memory', async (stack) => {
  return new DurableBlockstore(stack.use(await openStore({ folder: null })).store)
})
