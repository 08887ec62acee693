import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noise } from '../support/content.ts'
import { type Daemon, objects, openPlace, type Place, prsm, start, startDaemon } from './prsm.ts'

const MISSING = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk4'
const LATER = '2099-01-31T00:00:00.000Z'

const stack = new AsyncDisposableStack()
let place: Place
let there: Place
let thereDaemon: Daemon
let a: string
let b: string

beforeAll(async () => {
  place = stack.use(await openPlace())
  there = stack.use(await openPlace())
  const daemons = await Promise.all([place, there].map((one) => startDaemon(one)))
  for (const daemon of daemons) stack.use(daemon)
  if (daemons[1] === undefined) throw new Error('no daemon')
  thereDaemon = daemons[1]
  a = await add('a', 'the first')
  b = await add('b', 'the second')
}, 120_000)

afterAll(() => stack.disposeAsync(), 60_000)

/** Runs a command that must succeed, and gives what it printed. */
async function ok(...args: string[]): Promise<string> {
  return await okAt(place, ...args)
}

async function okAt(at: Place, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await prsm(args, at)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout.trimEnd()
}

async function add(name: string, content: string | Uint8Array): Promise<string> {
  writeFileSync(join(place.path, name), content)
  return await ok('add', name, '--pin=false')
}

/** Runs a command that must fail for people and for programs alike. */
async function fails(code: number, ...args: string[]) {
  const [human, json] = await Promise.all([prsm(args, place), prsm([...args, '--json'], place)])
  expect({ args, code: human.code, json: json.code }).toEqual({ args, code, json: code })
  expect(human.stdout).toBe('')
  expect(human.stderr).toMatch(/^prsm: .+\n/)
  expect(human.stderr).not.toMatch(/\n\s+at /)
  const [error, ...more] = objects(json.stderr)
  expect(more).toEqual([])
  return { stderr: human.stderr, error }
}

async function pinned(): Promise<string[]> {
  const listed = await ok('pin', 'ls', '--quiet')
  return listed.split('\n').filter(Boolean)
}

describe('add', () => {
  test('pins; with --pin=false it says that it does not', async () => {
    writeFileSync(join(place.path, 'kept'), 'kept')
    const [kept] = objects(await ok('add', 'kept', '--json')).slice(-1)
    expect(kept).toMatchObject({ pinned: true })
    writeFileSync(join(place.path, 'loose'), 'loose')
    const loose = await prsm(['add', 'loose', '--pin=false'], place)
    expect(loose).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('left to the next collection'),
    })
    const [page] = objects(await ok('list', '--limit', '2', '--json'))
    expect(page).toMatchObject({ uploads: [{ pinned: false }, { pinned: true }] })
  })
})

describe('pin add', () => {
  test('keeps content under a name, with facts and an end', async () => {
    const args = ['--name', 'näme', '--meta', 'k=v=w', '--meta', 'x=', '--expires', LATER]
    const first = await prsm(['pin', 'add', a, ...args], place)
    expect(first).toMatchObject({ code: 0, stdout: `${a}\n` })
    expect(first.stderr).toMatch(/^pinned: 1 blocks, in /)
    const details = { name: 'näme', metadata: { k: 'v=w', x: '' }, expiresAt: LATER }
    const again = objects(await ok('pin', 'add', a, '--json')).at(-1)
    expect(again).toMatchObject({ cid: a, mode: 'recursive', created: false, ...details })
    const never = objects(await ok('pin', 'add', a, '--expires', 'never', '--json')).at(-1)
    expect(never).not.toHaveProperty('expiresAt')
  })

  test('the one block alone', async () => {
    for (const how of [['--recursive=false'], ['--mode', 'direct']]) {
      const told = objects(await ok('pin', 'add', b, ...how, '--json'))
      expect(told.at(-1)).toMatchObject({ mode: 'direct' })
      expect(told[0]).toMatchObject({ blocks: 1, elapsedMs: expect.any(Number) })
      await ok('pin', 'rm', b)
    }
  })

  test('by a path', async () => {
    mkdirSync(join(place.path, 'set'))
    writeFileSync(join(place.path, 'set/f'), 'in the set')
    const folder = await ok('add', 'set', '--pin=false')
    const inner = await ok('pin', 'add', `${folder}/f`)
    expect(await ok('cat', inner)).toBe('in the set')
    expect(await pinned()).toContain(inner)
  })

  test('many from a file, and from stdin; one that fails does not stop the others', async () => {
    const cids = [await add('c', 'one of many'), await add('d', 'two of many')]
    const lines = `# a comment\n\n${cids[0]}\r\nhello\n  ${cids[1]}  `
    writeFileSync(join(place.path, 'cids'), lines)
    const some = await prsm(['pin', 'add', '--from-file', 'cids', '--name', 'many'], place)
    expect(some).toMatchObject({ code: 2, stdout: `${cids.join('\n')}\n` })
    expect(some.stderr).toMatch(/^prsm: hello: not a CID: "hello"\n {2}a CID looks like/m)
    expect((await ok('pin', 'ls', '--name', 'many', '--quiet')).split('\n').sort()).toEqual(
      [...cids].sort(),
    )
    const args = ['pin', 'add', a, MISSING, '--from-file', '-', '--offline', '--json']
    const piped = await prsm(args, place, `${b}\nnonsense`)
    expect(piped.code).toBe(4)
    expect(objects(piped.stderr)).toEqual([
      expect.objectContaining({ about: MISSING, code: 'CONTENT_NOT_FOUND' }),
      expect.objectContaining({ about: 'nonsense', code: 'INVALID_CID' }),
    ])
    const results = objects(piped.stdout).filter((one) => 'created' in one)
    expect(results.map(({ cid }) => cid)).toEqual([a, b])
  })

  test('names what is wrong', async () => {
    expect((await fails(2, 'pin', 'add', 'hello')).error).toMatchObject({ code: 'INVALID_CID' })
    const past = await prsm(['pin', 'add', a, '--expires', '2020-01-01'], place)
    expect(past).toMatchObject({ code: 2, stderr: expect.stringContaining('in the past') })
    const nowhere = await prsm(['pin', 'add', '--from-file', 'nowhere'], place)
    expect(nowhere).toMatchObject({ code: 4, stderr: expect.stringContaining('nowhere') })
    writeFileSync(join(place.path, 'endless'), 'x'.repeat(100_000))
    const endless = await prsm(['pin', 'add', '--from-file', 'endless'], place)
    expect(endless).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('endless has a line'),
    })
    const folder = await prsm(['pin', 'add', '--from-file', '.'], place)
    expect(folder).toMatchObject({ code: 2, stderr: 'prsm: . is a folder\n' })
  })
})

describe('pin ls and rm', () => {
  test('list, filter and let go', async () => {
    await ok('pin', 'add', a, '--name', 'first of all', '--expires', LATER)
    await ok('pin', 'add', b, '--mode', 'direct')
    const listed = await ok('pin', 'ls')
    expect(listed).toMatch(new RegExp(`^${a}  recursive  until ${LATER}  first of all$`, 'm'))
    expect(await ok('pin', 'ls', '--name', 'of all', '--quiet')).toBe(a)
    const [one, ...more] = objects(await ok('pin', 'ls', '--name', 'of all', '--json'))
    expect([one?.['cid'], more]).toEqual([a, []])
    const none = await prsm(['pin', 'ls', '--name', 'nobody has this'], place)
    expect(none).toMatchObject({ code: 0, stdout: '' })
    const cids = await pinned()
    expect(cids).toEqual([...cids].sort())

    expect(await ok('pin', 'rm', a, b)).toBe(`${a}\n${b}`)
    expect(await pinned()).not.toContain(a)
    const { error } = await fails(4, 'pin', 'rm', a)
    expect(error).toMatchObject({ code: 'PIN_NOT_FOUND', about: a })
    await ok('pin', 'add', a)
    const some = await prsm(['pin', 'rm', MISSING, 'hello', a], place)
    expect(some).toMatchObject({ code: 4, stdout: `${a}\n` })
  })
})

describe('pin update', () => {
  test('pins another CID instead, or as well', async () => {
    await ok('pin', 'add', a, '--name', 'latest')
    const moved = objects(await ok('pin', 'update', a, b, '--json')).at(-1)
    expect(moved).toMatchObject({ cid: b, name: 'latest' })
    expect(await pinned()).not.toContain(a)
    expect(await ok('pin', 'update', b, a, '--unpin=false', '--name', 'older')).toBe(a)
    expect(await pinned()).toEqual(expect.arrayContaining([a, b]))
    const { error } = await fails(4, 'pin', 'update', a, MISSING, '--offline')
    expect(error).toMatchObject({ code: 'CONTENT_NOT_FOUND' })
  })
})

describe('repo gc', () => {
  test('takes what nothing keeps', async () => {
    const loose = await add('scratch', 'to be collected')
    const dry = objects(await ok('repo', 'gc', '--dry-run', '--json'))
    expect(dry).toEqual([expect.objectContaining({ dryRun: true, expiredPins: 0 })])
    const human = await prsm(['repo', 'gc', '--free', '10GiB'], place)
    expect(human.stdout).toMatch(/^blocks +\d+\nbytes +\d+ \(.+\)\npins +0 expired\n$/)
    expect(human.stderr).toMatch(/^took, in /)
    expect(await prsm(['cat', loose, '--offline'], place)).toMatchObject({ code: 4, stdout: '' })
    expect(objects(await ok('repo', 'gc', '--json'))).toEqual([
      expect.objectContaining({ blocks: 0, bytes: 0 }),
    ])
    expect(await ok('pin', 'verify')).not.toContain('incomplete')
    expect((await prsm(['repo', 'gc', '--free', '0'], place)).code).toBe(2)
  })
})

describe('a peer that falls silent', () => {
  test('is named while a pin waits for it; the pin goes on when it is back', async () => {
    writeFileSync(join(there.path, 'far'), noise(3_000_000, 9))
    const far = await okAt(there, 'add', 'far')
    const [id = '', address = ''] = (await okAt(there, 'id')).split('\n')
    await ok('peer', 'connect', address)
    thereDaemon.child.kill('SIGSTOP')
    const human = start(['pin', 'add', far], place)
    try {
      human.child.stdin.end()
      const line = new RegExp(`${far}: nothing has come for \\d+(\\.\\d)? s: waiting for ${id}`)
      await human.saw(line)
    } finally {
      thereDaemon.child.kill('SIGCONT')
    }
    expect(await human.ended).toMatchObject({ code: 0, stdout: `${far}\n` })
    expect(await ok('pin', 'verify', '--read')).toContain(`${far}  complete    4 blocks`)
  })

  test('Ctrl-C ends the pin, here and on the daemon', async () => {
    writeFileSync(join(there.path, 'farther'), noise(1000, 10))
    const far = await okAt(there, 'add', 'farther')
    thereDaemon.child.kill('SIGSTOP')
    try {
      const run = start(['pin', 'add', far, '--json'], place)
      await run.saw(/elapsedMs/)
      run.child.kill('SIGINT')
      expect(await run.ended).toMatchObject({ code: 130 })
    } finally {
      thereDaemon.child.kill('SIGCONT')
    }
    expect(await pinned()).not.toContain(far)
  })
})

test('pin verify is 7 when something is damaged, and names it', async () => {
  await using broken = await openPlace({ PRSM_NETWORK: 'off' })
  await using _daemon = await startDaemon(broken)
  writeFileSync(join(broken.path, 'large'), noise(300_000, 11))
  const cid = await okAt(broken, 'add', 'large')
  expect(await okAt(broken, 'pin', 'verify')).toBe(`${cid}  complete    1 blocks`)
  const blocks = join(broken.dataDir, 'blocks')
  for (const name of readdirSync(blocks, { recursive: true, encoding: 'utf8' })) {
    const path = join(blocks, name)
    if (statSync(path).size === 300_000) truncateSync(path, 100)
  }
  const human = await prsm(['pin', 'verify', '--read'], broken)
  expect(human).toMatchObject({ code: 7, stderr: '1 pins looked at, 1 incomplete\n' })
  expect(human.stdout).toMatch(new RegExp(`^${cid}  incomplete  \\d blocks, without ${cid}\\n$`))
  const json = await prsm(['pin', 'verify', '--read', '--json'], broken)
  expect({ code: json.code, told: objects(json.stdout) }).toMatchObject({
    code: 7,
    told: [{ cid, complete: false, missing: [cid] }],
  })
})

test.each([
  'pin',
  'pin frobnicate',
  'pin add',
  `pin add ${MISSING} --expires soon`,
  `pin add ${MISSING} --meta novalue`,
  `pin add ${MISSING} --meta =v`,
  `pin add ${MISSING} --mode indirect`,
  `pin add ${MISSING} --mode direct --recursive=true`,
  'pin rm',
  'pin ls x',
  'pin ls --mode all',
  'pin update x',
  `pin update ${MISSING} ${MISSING} --unpin=no`,
  'repo',
  'repo gc x',
  'repo gc --free 10GB',
  'add x --pin=perhaps',
])('prsm %s is a usage error', async (line) => {
  const { code, stdout, stderr } = await prsm(line.split(' '), place)
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
  expect(stderr).not.toMatch(/\n\s+at /)
})

test('without a daemon they are 3', async () => {
  await using nowhere = await openPlace()
  for (const line of [`pin add ${MISSING}`, 'pin verify', 'repo gc']) {
    expect((await prsm(line.split(' '), nowhere)).code).toBe(3)
  }
})
