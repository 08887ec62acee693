import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { poolEnvironment } from './environment.ts'
import type { Answer, Methods } from './programs/serve.ts'

/** A program of ours in a process of its own, whose functions are called from here, one at a time. */
export type Program<M extends Methods> = AsyncDisposable & {
  readonly pid: number
  /** Rejects when the function throws, the program ends, or `timeoutMs` have passed: then it is killed. */
  call<K extends keyof M & string>(
    method: K,
    params: Parameters<M[K]>[0],
    timeoutMs: number,
  ): Promise<Result<M, K>>
}

type Result<M extends Methods, K extends keyof M> = Awaited<ReturnType<M[K]>>

const START_MS = 60_000

/** Starts the module at `url`, which calls `serve`, with these flags of Node. Disposing or aborting kills it. */
export async function startProgram<M extends Methods>(
  url: URL,
  signal: AbortSignal,
  flags: readonly string[] = [],
): Promise<Program<M>> {
  const child = fork(url, [], {
    env: poolEnvironment(),
    execArgv: [...flags],
    signal,
    killSignal: 'SIGKILL',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  // An abort between two calls is told by the next one.
  child.on('error', () => {})
  let complaints = ''
  child.stderr?.on('data', (bytes) => (complaints = (complaints + String(bytes)).slice(-2000)))
  const limited = async (what: string, timeoutMs: number): Promise<unknown> => {
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
    try {
      return await nextAnswer(child, () => `${what} of ${url.pathname} ${complaints}`.trim())
    } finally {
      clearTimeout(timer)
    }
  }
  await limited('start', START_MS)
  return {
    pid: child.pid ?? 0,
    async call<K extends keyof M & string>(
      method: K,
      params: Parameters<M[K]>[0],
      timeoutMs: number,
    ): Promise<Result<M, K>> {
      if (child.connected) child.send({ method, params })
      // The other side of the channel is the module whose methods M names.
      return (await limited(method, timeoutMs)) as Result<M, K>
    },
    [Symbol.asyncDispose]: () => kill(child),
  }
}

function nextAnswer(child: ChildProcess, about: () => string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onEnd = (): void => {
      const how = child.exitCode ?? child.signalCode ?? 'no start'
      reject(new Error(`a process ended (${how}) during ${about()}`))
    }
    if (hasEnded(child)) {
      onEnd()
      return
    }
    child.once('exit', onEnd)
    // Of a failed start, and of an abort, which kills it.
    child.once('error', onEnd)
    child.once('message', (answer: Answer) => {
      child.off('exit', onEnd)
      child.off('error', onEnd)
      if ('error' in answer) reject(new Error(answer.error))
      else resolve(answer.result)
    })
  })
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

async function kill(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
