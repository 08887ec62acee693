import { memoryOf } from '../../bench/memory.ts'

const SAMPLE_MS = 50

/** The most memory a process had in all its life, asked for again and again until `ended`. */
export async function peakUntil(pid: number, ended: Promise<unknown>): Promise<number> {
  let [peak, over] = [0, false]
  const end = ended.then(() => {
    over = true
  })
  while (!over) {
    peak = (await memoryOf(pid))?.peak ?? peak
    await Promise.race([end, new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))])
  }
  return peak
}
