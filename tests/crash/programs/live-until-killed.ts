/**
 * A node with a random workload that kills itself at step N: `dataDir seed step life`. What it begins and
 * what is acknowledged goes to stdout, a line each, before anything else is begun.
 */
import { writeSync } from 'node:fs'
import { createFilePort } from '../../../src/files/file-port.ts'
import { createStorageNode } from '../../../src/index.ts'
import { tellDriverPoints } from '../support/driver-points.ts'
import { Random } from '../support/random.ts'
import { useSmallLimits } from '../support/small-limits.ts'
import { runWorkload } from '../support/workload.ts'

const [, , dataDir = '', seed = '', step = '', life = ''] = process.argv
const STDOUT = 1
let steps = 0

function count(): void {
  steps += 1
  if (steps === Number(step)) process.kill(process.pid, 'SIGKILL')
}

useSmallLimits()
tellDriverPoints((point) => {
  if (point === 'begin' || point === 'committed') count()
})
const node = await createStorageNode({ dataDir }, { files: createFilePort({ before: count }) })
await runWorkload(node, {
  random: new Random(Number(seed), Number(life)),
  life,
  tell: (record) => writeSync(STDOUT, `${JSON.stringify(record)}\n`),
  goesOn: () => true,
  mayFail: () => false,
})
