import { join } from 'node:path'
import type { Bench, Case } from '../bench.ts'
import { cpuDuring } from '../cpu.ts'
import { megabytes, rate } from '../figures.ts'
import { firstBytes } from '../first-bytes.ts'
import { peakDuring } from '../memory.ts'
import type { RandomFile } from '../workspace.ts'
import { checkFile, startClient } from './gateway.ts'
import { kubos, ours, type Serve } from './served.ts'

const MOST_BYTES = 268_435_456

/** A file that one daemon has, read through the gateway of another that is connected to it by TCP. */
export function bitswap(ipfs: string | undefined): Case {
  return async (bench) => {
    await using folder = await bench.work.folder('shared')
    const file = await firstBytes(bench.work.file, {
      path: join(folder.path, 'file'),
      atMost: MOST_BYTES,
    })
    const cid = await exchange(bench, { figure: 'bitswap', serve: ours, file })
    if (ipfs === undefined) return
    const other = await exchange(bench, { figure: 'kubo-bitswap', serve: kubos(ipfs), file })
    if (other !== cid) throw new Error(`the file is ${cid} here and ${other} there`)
  }
}

type Exchange = {
  readonly figure: 'bitswap' | 'kubo-bitswap'
  readonly serve: Serve
  readonly file: RandomFile
}

async function exchange(bench: Bench, { figure, serve, file }: Exchange): Promise<string> {
  const { figures, round, timeoutMs } = bench
  await using client = await startClient(bench)
  await using from = await serve(bench)
  const cid = await from.add(file.path)
  await using to = await serve(bench, from.address)
  await bench.work.settle()
  const read = () => client.call('file', { url: to.url, cid, hashed: true }, timeoutMs)
  const fetched = await peakDuring(to.pid, () =>
    peakDuring(from.pid, () => cpuDuring([from.pid, to.pid], read)),
  )
  const { result, seconds } = fetched.result.result
  checkFile(result, file)
  figures.add(`${figure}.rate`, round, rate(file.bytes, result.ms))
  if (seconds !== undefined) figures.add(`${figure}.cpu`, round, seconds)
  const peaks = [fetched.peakBytes, fetched.result.peakBytes].filter((peak) => peak !== undefined)
  if (peaks.length > 0) figures.add(`${figure}.peak`, round, megabytes(Math.max(...peaks)))
  return cid
}
