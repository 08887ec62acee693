import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { lockFolder } from '../../../src/db/lock.ts'

/** Holds a folder until it is killed, also when nobody remembers that it does. */
lockFolder(String(process.argv[2]), 'child program').tellApi('http://127.0.0.1:1')
setFlagsFromString('--expose-gc')
const collect: unknown = runInNewContext('gc')
// Collected at the next turn: a lock that is let go then is let go before the parent hears of it.
setImmediate(() => {
  if (typeof collect === 'function') collect()
  setImmediate(() => process.send?.('held'))
})
setInterval(() => {}, 1000)
// Whoever started this is gone: a test that failed leaves nothing behind.
process.once('disconnect', () => process.exit())
