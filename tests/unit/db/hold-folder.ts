import { lockFolder } from '../../../src/db/lock.ts'

/** Holds a folder until it is killed. */
lockFolder(String(process.argv[2]), 'child program').tellApi('http://127.0.0.1:1')
setInterval(() => {}, 1000)
process.send?.('held')
