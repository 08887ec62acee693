import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { cliDocs, withCommands } from '../../scripts/cli-docs.ts'
import { VERSION } from '../../src/node/version.ts'
import { run } from '../support/command.ts'
import { entry, objects, openPlace, prsm } from './prsm.ts'

const commands = [
  ...['daemon', 'add', 'get', 'cat', 'ls', 'stat', 'list', 'status', 'config show'],
  ...['id', 'peer connect', 'peer disconnect', 'peer ls', 'dag import'],
  ...['pin add', 'pin rm', 'pin ls', 'pin update', 'pin verify', 'repo gc'],
]

test('docs/CLI.md says what the program says: node scripts/cli-docs.ts writes it', () => {
  const page = readFileSync(cliDocs, 'utf8')
  expect(withCommands(page)).toBe(page)
})

test('--version and --help', async () => {
  await using place = await openPlace()
  for (const flag of ['--version', '-V']) {
    expect(await prsm([flag], place)).toMatchObject({ code: 0, stdout: `${VERSION}\n`, stderr: '' })
  }
  const help = await prsm(['--help'], place)
  expect(help).toMatchObject({ code: 0, stderr: '' })
  expect(help.stdout).toContain('Exit codes:')
  expect(help.stdout).toContain('130')
})

test.each(commands)('prsm %s --help has an example and --json', async (command) => {
  await using place = await openPlace()
  const { code, stdout } = await prsm([...command.split(' '), '--help'], place)
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`Examples?:\n {2}\\$ .*prsm ${command}`))
  expect(stdout).toContain('--json')
})

test('what nobody knows is exit 2, as an object with --json', async () => {
  await using place = await openPlace()
  expect(await prsm([], place)).toMatchObject({ code: 2, stdout: '' })
  for (const args of [
    ['frobnicate'],
    ['add'],
    ['add', 'a', 'b'],
    ['ls', 'x', '--frob'],
    ['config'],
  ]) {
    const human = await prsm(args, place)
    expect({ args, code: human.code }).toEqual({ args, code: 2 })
    if (args[0] === 'config') continue
    const json = await prsm([...args, '--json'], place)
    expect(json.code).toBe(2)
    expect(objects(json.stderr)).toEqual([
      expect.objectContaining({ code: 'INVALID_INPUT', hint: expect.stringContaining('--help') }),
    ])
  }
})

describe('an older Node', () => {
  const pretend =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})'

  test('is refused with the version that is needed', async () => {
    await using place = await openPlace()
    copyFileSync(entry, join(place.path, 'prsm.mjs'))
    const script = join(place.path, 'prsm.mjs')
    const command = [process.execPath, '--import', pretend, script, '--version']
    const { code, stdout, stderr } = await run(command, { cwd: place.path, env: place.env })
    expect({ code, stdout }).toEqual({ code: 9, stdout: '' })
    expect(stderr).toMatch(/needs Node 24\.15 or later; this is Node 20\.20\.2/)
    expect(stderr.split('\n').filter(Boolean)).toHaveLength(2)
  })

  test('hands over to the Node of the clone, with arguments and exit code', async () => {
    await using place = await openPlace()
    const command = [process.execPath, '--import', pretend, entry]
    const where = { cwd: place.path, env: place.env }
    expect((await run([...command, '--version'], where)).stdout).toBe(`${VERSION}\n`)
    expect((await run([...command, 'status'], where)).code).toBe(3)
  })

  test('is named as engines of package.json name it', () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
    const [major, minor] = JSON.parse(text).engines.node.match(/\d+/g)
    expect(readFileSync(entry, 'utf8')).toContain(`const OLDEST = [${major}, ${minor}]`)
  })
})

test('the entry can be run by itself', () => {
  expect(execFileSync(entry, ['--version'], { encoding: 'utf8' })).toBe(`${VERSION}\n`)
})

describe('config show', () => {
  test('prints each setting with its origin', async () => {
    await using place = await openPlace({ PRSM_LOG: 'warn' })
    const { stdout, code } = await prsm(['config', 'show', '--max-file-size', '2GiB'], place)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^log +warn +PRSM_LOG$/m)
    expect(stdout).toMatch(/^maxFileSize +2GiB +--max-file-size$/m)
    const rows = objects((await prsm(['config', 'show', '--json'], place)).stdout)
    expect(rows).toContainEqual({
      name: 'dataDir',
      variable: 'PRSM_DATA_DIR',
      value: place.dataDir,
      origin: 'PRSM_DATA_DIR',
    })
  })

  test('all faults at once are exit 10; an unknown variable is a warning with the nearest', async () => {
    await using bad = await openPlace({ PRSM_MAX_FILE_SIZE: 'big', PRSM_LOG: 'loud' })
    const { code, stderr } = await prsm(['config', 'show'], bad)
    expect(code).toBe(10)
    expect(stderr).toContain('PRSM_MAX_FILE_SIZE')
    expect(stderr).toContain('PRSM_LOG')
    await using odd = await openPlace({ PRSM_LOGG: 'info' })
    const warned = await prsm(['config', 'show'], odd)
    expect(warned).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/warning: .*PRSM_LOG\b/),
    })
    const json = await prsm(['config', 'show', '--json'], odd)
    expect(objects(json.stderr)).toEqual([{ warning: expect.stringContaining('PRSM_LOGG') }])
  })
})
