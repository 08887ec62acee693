import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'

type Step = { readonly code: number; readonly output: string }

/** One bash, as a user has it open: what one step sets (folder, variables) the next one finds. */
export class ShellSession implements AsyncDisposable {
  readonly #bash
  readonly #ended: Promise<unknown>
  #output = ''

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#bash = spawn('bash', ['--noprofile', '--norc'], { cwd, env, detached: true })
    this.#ended = new Promise((resolve) => this.#bash.on('close', resolve))
    this.#collect(this.#bash.stdout)
    this.#collect(this.#bash.stderr)
  }

  /** Runs `lines` and waits for their end. */
  async run(lines: string, timeoutMs: number): Promise<Step> {
    const mark = `done-${randomUUID()}`
    const from = this.#output.length
    this.#bash.stdin.write(`${lines}\nprintf '\\n%s %s.\\n' ${mark} $?\n`)
    const end = new RegExp(`\\n${mark} (\\d+)\\.\\n`)
    const found = await this.#wait(end, from, timeoutMs)
    return { code: Number(found[1]), output: this.#output.slice(from).replace(end, '') }
  }

  /** Runs `line` in the foreground of this shell, and returns when its output has `ready`. */
  async start(line: string, ready: RegExp, timeoutMs: number): Promise<string> {
    const from = this.#output.length
    this.#bash.stdin.write(`${line}\n`)
    await this.#wait(ready, from, timeoutMs)
    return this.#output.slice(from)
  }

  /** What Ctrl-C and then closing the terminal do: everything that was started ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { pid } = this.#bash
    this.#bash.stdin.end()
    if (pid !== undefined && this.#bash.exitCode === null) process.kill(-pid, 'SIGINT')
    const late = setTimeout(() => pid !== undefined && process.kill(-pid, 'SIGKILL'), 20_000)
    await this.#ended
    clearTimeout(late)
  }

  #collect(stream: Readable): void {
    stream.on('data', (bytes) => {
      this.#output += String(bytes)
    })
  }

  /** The first match of `pattern` in what was written since `from`. */
  async #wait(pattern: RegExp, from: number, timeoutMs: number): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs
    for (;;) {
      const found = pattern.exec(this.#output.slice(from))
      if (found !== null) return found
      if (this.#bash.exitCode !== null || Date.now() > deadline) {
        throw new Error(`waited for ${pattern}, saw:\n${this.#output.slice(from).slice(-4000)}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
