import { readFile, writeFile } from 'node:fs/promises'

/** Bytes of a process in memory, as Linux counts them (proc_pid_status(5)); `undefined` elsewhere. */
export type Memory = { readonly resident: number; readonly peak: number }

export async function memoryOf(pid: number): Promise<Memory | undefined> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const resident = kibibytes(status, 'VmRSS')
  const peak = kibibytes(status, 'VmHWM')
  if (resident === undefined || peak === undefined) return undefined
  return { resident: resident * 1024, peak: peak * 1024 }
}

function kibibytes(status: string, name: string): number | undefined {
  const [, value] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status) ?? []
  return value === undefined ? undefined : Number(value)
}

/** Runs `work` and gives the most memory `pid` had meanwhile; `undefined` where that is not told. */
export async function peakDuring<T>(
  pid: number,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly peakBytes: number | undefined }> {
  const reset = await resetPeak(pid)
  const result = await work()
  const memory = await memoryOf(pid)
  return { result, peakBytes: reset ? memory?.peak : undefined }
}

/** 5 resets the high-water mark (proc_pid_clear_refs(5)). */
async function resetPeak(pid: number): Promise<boolean> {
  return writeFile(`/proc/${pid}/clear_refs`, '5').then(
    () => true,
    () => false,
  )
}
