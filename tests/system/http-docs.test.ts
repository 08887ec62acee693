import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openPlace, startDaemon } from '../cli/prsm.ts'
import { repository } from '../support/command.ts'
import { noise } from '../support/content.ts'
import { blocks } from '../support/readme.ts'
import { ShellSession } from '../support/shell-session.ts'

const ADDRESS = 'http://127.0.0.1:8000'

it('the commands of docs/HTTP.md work word for word (with curl and tar)', async () => {
  await using place = await openPlace()
  await using daemon = await startDaemon(place)
  await makeInputs(place.path)
  const page = await readFile(join(repository, 'docs/HTTP.md'), 'utf8')
  const steps = blocks(page.replaceAll(ADDRESS, daemon.url), 'sh')
    .flatMap((block) => block.split('\n'))
    .filter((line) => line !== '' && !line.startsWith('#'))
  expect(steps.length).toBeGreaterThan(12)
  await using shell = new ShellSession(place.path, place.env)
  await shell.run('set -o pipefail', 5000)
  for (const step of steps) {
    const { code, output } = await shell.run(step, 60_000)
    expect(code, `${step}\n${output.slice(-2000)}`).toBe(0)
  }
  for (const [copy, original] of [
    ['copy.txt', 'notes.txt'],
    ['copy/readme.txt', 'dataset/readme.txt'],
  ] as const) {
    const [is, was] = [copy, original].map((name) => readFile(join(place.path, name), 'utf8'))
    expect(await is).toBe(await was)
  }
})

/** What the examples take as given. */
async function makeInputs(folder: string): Promise<void> {
  await mkdir(join(folder, 'dataset/below'), { recursive: true })
  await mkdir(join(folder, 'copy'))
  await writeFile(join(folder, 'model.safetensors'), noise(20_000_000))
  await writeFile(join(folder, 'notes.txt'), 'a few notes\n')
  await writeFile(join(folder, 'dataset/readme.txt'), 'what this is\n')
  await writeFile(join(folder, 'dataset/below/rows.bin'), noise(300_000))
}
