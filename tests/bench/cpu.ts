import { readFile } from 'node:fs/promises'

/** The kernel's unit of processor time where Linux runs today (sysconf(_SC_CLK_TCK)). */
const TICKS_PER_SECOND = 100

/** Seconds of processor time of a process so far (proc_pid_stat(5)); `undefined` where that is not told. */
export async function cpuSeconds(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  // The name before it may have spaces and parentheses. utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11]) + Number(fields[12])
  return Number.isNaN(ticks) ? undefined : ticks / TICKS_PER_SECOND
}

/** Runs `work` and gives the processor time all of `pids` took meanwhile. */
export async function cpuDuring<T>(
  pids: readonly number[],
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly seconds: number | undefined }> {
  const before = await Promise.all(pids.map(cpuSeconds))
  const result = await work()
  const after = await Promise.all(pids.map(cpuSeconds))
  let seconds: number | undefined = 0
  for (const [index, end] of after.entries()) {
    const begin = before[index]
    if (seconds === undefined || begin === undefined || end === undefined) seconds = undefined
    else seconds += end - begin
  }
  return { result, seconds }
}
