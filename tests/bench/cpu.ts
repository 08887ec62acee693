import { readFile } from 'node:fs/promises'

/** The kernel's unit of processor time where Linux runs today (sysconf(_SC_CLK_TCK)). */
const TICKS_PER_SECOND = 100

/** Runs `work` and gives the seconds of processor time `pids` took meanwhile; `undefined` where that is not told. */
export async function cpuDuring<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly seconds: number | undefined }> {
  const before = await cpuSeconds(pids)
  const result = await work()
  const after = await cpuSeconds(pids)
  return { result, seconds: Number.isNaN(after - before) ? undefined : after - before }
}

/** Of all of them, from their start on (proc_pid_stat(5)); NaN where that is not told. */
async function cpuSeconds(pids: readonly number[]): Promise<number> {
  const stats = pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))
  return (await Promise.all(stats)).map(secondsIn).reduce((sum, seconds) => sum + seconds, 0)
}

function secondsIn(stat: string): number {
  // The name before it may have spaces and parentheses. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}
