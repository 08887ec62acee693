import { spawn } from 'node:child_process'

/** Runs a program to its end and gives its stdout; anything but exit code 0 throws what it said. */
export async function run(
  program: string,
  args: readonly string[],
  input?: Uint8Array,
): Promise<Buffer> {
  const child = spawn(program, args, { stdio: 'pipe' })
  child.stdin.on('error', () => {})
  child.stdin.end(input)
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const [stdout, stderr, code] = await Promise.all([
    Array.fromAsync<Buffer>(child.stdout),
    Array.fromAsync<Buffer>(child.stderr),
    ended,
  ])
  if (code === 0) return Buffer.concat(stdout)
  throw new Error(`${program} ${args.join(' ')}: exit ${code}: ${Buffer.concat(stderr)}`)
}
