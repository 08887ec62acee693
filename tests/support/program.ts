import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'

export type Program = AsyncDisposable & {
  readonly child: ChildProcess
  /** When it has ended, however it did. */
  readonly ended: Promise<unknown>
}

/** Runs a program of ours beside a test; at the end of the scope it is killed, if it is there still. */
export function startProgram(program: URL | string, args: readonly string[]): Program {
  const child = fork(program, args)
  const ended = once(child, 'exit')
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  return { child, ended, [Symbol.asyncDispose]: kill }
}
