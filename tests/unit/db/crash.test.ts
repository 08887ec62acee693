import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { openTestDatabase, temporaryFolder } from '../../support/database.ts'
import { startProgram } from '../../support/program.ts'

/** Runs the writing program, kills it after a while, and gives the names it had acknowledged. */
async function writeUntilKilled(folder: string, run: number): Promise<string[]> {
  const program = new URL('./write-until-killed.ts', import.meta.url)
  await using started = startProgram(program, [folder, String(run)])
  const { child, ended } = started
  const acknowledged: string[] = []
  child.on('message', (names: string[]) => acknowledged.push(...names))
  await once(child, 'message')
  await delay(20 + run * 35)
  child.kill('SIGKILL')
  await ended
  return acknowledged
}

test('a process killed while it writes loses nothing it acknowledged', async () => {
  await using folder = await temporaryFolder()
  const acknowledged: string[] = []
  for (let run = 0; run < 8; run += 1) {
    acknowledged.push(...(await writeUntilKilled(folder.path, run)))
    await using db = await openTestDatabase({ folder: folder.path })
    const stored = new Set(db.names())
    expect(acknowledged.filter((name) => !stored.has(name))).toEqual([])
    const check = db.database.reader.pragma('integrity_check', { simple: true })
    expect(check).toBe('ok')
  }
  expect(acknowledged.length).toBeGreaterThan(100)
}, 60_000)
