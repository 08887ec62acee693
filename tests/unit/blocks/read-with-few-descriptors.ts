/** Whole reads, with idle files open and no descriptor left when a thread has to be started for them. */
import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { OpenFiles } from '../../../src/blocks/open-files.ts'
import { systemCode } from '../../../src/core/errors.ts'
import { createFilePort } from '../../../src/files/file-port.ts'

const BYTES = 100_000
const [, , folder = ''] = process.argv

const files = createFilePort()
const opened = new OpenFiles(files, 1000)
const block = (number: number) => {
  const path = join(folder, `${number}`)
  writeFileSync(path, Buffer.alloc(BYTES, number))
  const place = { size: BYTES, directory: 0, segments: new Uint8Array(0) }
  return { key: `${number}`, path, place }
}
const read = (bytes: number) => ({
  ...{ buffer: new Uint8Array(bytes), position: 0, sum: 'sha256' as const },
})

for (let number = 0; number < 20; number += 1) {
  await opened.readSummed(opened.keep(block(number)), read(10))
}
// The threads end; the kept files stay open.
await files[Symbol.asyncDispose]()
const wanted = Array.from({ length: 8 }, (_, index) => block(100 + index))
try {
  for (;;) openSync('/dev/null', 'r')
} catch (error) {
  if (systemCode(error) !== 'EMFILE') throw error
}
const results = await Promise.allSettled(
  wanted.map((one) => opened.readSummed(opened.once(one), read(BYTES))),
)
const good = results.filter(
  (result, index) =>
    result.status === 'fulfilled' && Buffer.alloc(BYTES, 100 + index).equals(result.value.bytes),
)
process.stdout.write(`${good.length} of ${results.length}\n`, () => process.exit())
