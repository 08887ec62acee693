// For `node --import`: the name of this package is its source, as a host that installed it has its build.
import { registerHooks } from 'node:module'

const library = new URL('../../../src/index.ts', import.meta.url).href

registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier === 'prsm-ipfs' ? library : specifier, context),
})
