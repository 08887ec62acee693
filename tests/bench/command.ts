import { spawn } from 'node:child_process'
import { memoryOf } from './memory.ts'

export type CommandOptions = {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** What is written to stdout is dropped by the kernel. */
  readonly discard?: boolean
}

export type CommandResult = {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
  /** From its start to its end. */
  readonly ms: number
  /** The most memory it had; `undefined` where that is not told, or it ended too soon. */
  readonly peakBytes: number | undefined
}

const SAMPLE_MS = 20

/** Runs a command to its end. Rejects when it cannot be started, is killed, or fails. */
export async function must(
  command: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const result = await run(command, options)
  if (result.code === 0) return result
  const said = `${result.stdout}\n${result.stderr}`.trim().slice(-2000)
  const end = result.code === null ? 'was killed' : `ended with ${result.code}`
  throw new Error(`${command.join(' ')} ${end}: ${said}`)
}

/** The same, for one that may fail: its `code` is `null` when it was killed at its time limit. */
export function run(command: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const [file = '', ...args] = command
  const { cwd, env, timeoutMs, signal, discard = false } = options
  const begun = performance.now()
  const child = spawn(file, args, {
    ...{ cwd, env, signal },
    stdio: ['ignore', discard ? 'ignore' : 'pipe', 'pipe'],
    timeout: timeoutMs,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  child.stdout?.on('data', (bytes) => (stdout += String(bytes)))
  child.stderr?.on('data', (bytes) => (stderr += String(bytes)))
  let ended = begun
  child.on('exit', () => (ended = performance.now()))
  const peak = watchPeak(child.pid)
  let failure: Error | undefined
  child.on('error', (error) => (failure = error))
  return new Promise((resolve, reject) => {
    // Comes last, also for one that could not be started or was aborted: then it is gone.
    child.on('close', (code) => {
      const peakBytes = peak()
      if (failure === undefined) resolve({ stdout, stderr, code, ms: ended - begun, peakBytes })
      else reject(failure)
    })
  })
}

/** Looks at the high-water mark of a process until the function it gives is called. */
function watchPeak(pid: number | undefined): () => number | undefined {
  let peakBytes: number | undefined
  const timer = setInterval(async () => {
    const memory = pid === undefined ? undefined : await memoryOf(pid)
    peakBytes = memory?.peak ?? peakBytes
  }, SAMPLE_MS)
  return () => {
    clearInterval(timer)
    return peakBytes
  }
}
