import { Assertion, expect, use } from 'chai'
import chaiAsPromised from 'chai-as-promised'

// What interface-blockstore-tests expects of the chai its own build tool ships: promises, and
// `.to.be.true()` where chai has the property `.to.be.true`.
use(chaiAsPromised)
for (const [name, holds] of [
  ['true', (value: unknown) => value === true],
  ['false', (value: unknown) => value === false],
  ['ok', (value: unknown) => Boolean(value)],
] as const) {
  Object.defineProperty(Assertion.prototype, name, {
    value(this: Chai.AssertionStatic) {
      this.assert(holds(this._obj), `expected #{this} to be ${name}`, `not ${name}`, true)
    },
  })
}

export { expect }
