import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { rawCid } from '../support/block-store.ts'
import { carOf } from '../support/car.ts'
import { objects, openPlace, type Place, prsm, startDaemon } from './prsm.ts'

const HELLO = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'
const MISSING = 'bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyk4'

const stack = new AsyncDisposableStack()
let place: Place

beforeAll(async () => {
  place = stack.use(await openPlace({ PRSM_MAX_FILE_SIZE: '4MiB' }))
  stack.use(await startDaemon(place))
  writeFileSync(join(place.path, 'hello.txt'), 'Hello PRSM IPFS!')
})

afterAll(() => stack.disposeAsync())

/** Runs a command that must succeed, and gives what it printed. */
async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await prsm(args, place)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout.trimEnd()
}

async function fails(code: number, ...args: string[]) {
  const [human, json] = await Promise.all([prsm(args, place), prsm([...args, '--json'], place)])
  expect({ args, code: human.code, json: json.code }).toEqual({ args, code, json: code })
  expect(human.stdout).toBe('')
  expect(human.stderr).toMatch(/^prsm: .+\n/)
  expect(human.stderr).not.toMatch(/\n\s+at /)
  const [error, ...more] = objects(json.stderr)
  expect(more).toEqual([])
  expect(error).toMatchObject({ code: expect.any(String), message: expect.any(String) })
  return { ...human, error }
}

describe('add', () => {
  test('prints the CID on stdout and the rest on stderr', async () => {
    const { code, stdout, stderr } = await prsm(['add', 'hello.txt'], place)
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${HELLO}\n` })
    expect(stderr).toContain('stored hello.txt: 16 B in')
  })

  test('takes stdin, also when it is empty', async () => {
    const piped = await prsm(['add', '-', '--filename', 'piped'], place, 'Hello PRSM IPFS!')
    expect(piped.stdout).toBe(`${HELLO}\n`)
    const none = await prsm(['add', '-', '--json'], place)
    expect(objects(none.stdout).at(-1)).toMatchObject({ bytes: 0, filename: 'stdin' })
  })

  test('--json: progress is an object a line, the last line is the result', async () => {
    writeFileSync(join(place.path, 'big'), Buffer.alloc(3 << 20, 'big'))
    const lines = objects(await ok('add', 'big', '--json', '--content-type', 'text/plain'))
    expect(lines.length).toBeGreaterThan(1)
    expect(lines.at(-2)).toMatchObject({ bytesDone: 3 << 20, bytesTotal: 3 << 20, percent: 100 })
    expect(lines.at(-1)).toMatchObject({
      bytes: 3 << 20,
      filename: 'big',
      contentType: 'text/plain',
      created: true,
    })
  })

  test('checks the SHA-256 it is told', async () => {
    const sha256 = createHash('sha256').update('Hello PRSM IPFS!').digest('hex')
    expect(await ok('add', 'hello.txt', '--expected-sha256', sha256)).toBe(HELLO)
    const { error } = await fails(7, 'add', 'hello.txt', '--expected-sha256', '0'.repeat(64))
    expect(error).toMatchObject({ code: 'SHA256_MISMATCH' })
  })

  test('a folder with hidden files; a link is refused with its name, or followed', async () => {
    mkdirSync(join(place.path, 'set/empty'), { recursive: true })
    writeFileSync(join(place.path, 'set/.hidden'), 'h')
    writeFileSync(join(place.path, 'set/a b'), 'Hello PRSM IPFS!')
    const cid = (await ok('add', 'set')).trim()
    const listed = await ok('ls', cid)
    expect(listed.split('\n').map((line) => line.split(/ {2,}/))).toEqual([
      [expect.any(String), '1', '.hidden'],
      [HELLO, '16', 'a b'],
      [expect.any(String), expect.any(String), 'empty/'],
    ])
    symlinkSync('../hello.txt', join(place.path, 'set/link'))
    const { stderr } = await fails(7, 'add', 'set')
    expect(stderr).toContain(join(place.path, 'set/link'))
    expect(stderr).toContain('--dereference')
    const followed = await ok('add', 'set', '--dereference')
    expect(await ok('cat', `${followed}/link`)).toBe('Hello PRSM IPFS!')
  })

  test('says what is wrong with a file by its exit code', async () => {
    expect((await fails(4, 'add', 'missing')).stderr).toContain(join(place.path, 'missing'))
    writeFileSync(join(place.path, 'large'), Buffer.alloc(5 << 20))
    const { error } = await fails(5, 'add', 'large')
    expect(error).toMatchObject({ code: 'UPLOAD_TOO_LARGE' })
    await fails(2, 'add', 'hello.txt', '--filename', 'a/b')
  })
})

describe('get', () => {
  test('saves a file, a file of a folder, a folder', async () => {
    await ok('add', 'hello.txt')
    expect(await ok('get', HELLO, '-o', 'out.txt')).toBe(join(place.path, 'out.txt'))
    expect(readFileSync(join(place.path, 'out.txt'), 'utf8')).toBe('Hello PRSM IPFS!')
    mkdirSync(join(place.path, 'tree/sub'), { recursive: true })
    writeFileSync(join(place.path, 'tree/sub/f'), 'in f')
    const cid = await ok('add', 'tree')
    const lines = objects(await ok('get', cid, '--output', 'tree2', '--json'))
    expect(lines.at(-1)).toMatchObject({ kind: 'directory', files: 1, bytes: 4, cid })
    expect(readFileSync(join(place.path, 'tree2/sub/f'), 'utf8')).toBe('in f')
    expect(await ok('get', `${cid}/sub/f`)).toBe(join(place.path, 'f'))
    expect(await ok('get', HELLO)).toBe(join(place.path, HELLO))
    expect(readdirSync(place.path).filter((name) => name.includes('.part'))).toEqual([])
  })

  test('replaces nothing, and says where it cannot write', async () => {
    writeFileSync(join(place.path, 'mine'), 'mine')
    const { error } = await fails(11, 'get', HELLO, '-o', 'mine')
    expect(error).toMatchObject({ code: 'FILE_UNWRITABLE' })
    expect(readFileSync(join(place.path, 'mine'), 'utf8')).toBe('mine')
    await fails(4, 'get', HELLO, '-o', 'no/such/folder')
    await fails(4, 'get', MISSING, '-o', 'nothing')
    await fails(4, 'get', `${HELLO.slice(0, 0)}${await ok('add', 'tree')}/none`)
    await fails(2, 'get', 'nonsense')
  })
})

describe('cat', () => {
  test('writes the whole or a part', async () => {
    await ok('add', 'hello.txt')
    expect(await ok('cat', HELLO)).toBe('Hello PRSM IPFS!')
    expect(await ok('cat', `/ipfs/${HELLO}`, '--offset', '6', '--length', '4')).toBe('PRSM')
    expect(await ok('cat', `ipfs://${HELLO}`, '--offset', '16')).toBe('')
    const { error } = await fails(2, 'cat', HELLO, '--offset', '17')
    expect(error).toMatchObject({ code: 'INVALID_RANGE' })
    await fails(2, 'cat', HELLO, '--offset', '-1')
    await fails(2, 'cat', HELLO, '--length', '3MB')
    await fails(2, 'cat', await ok('add', 'set', '--dereference'))
  })
})

test('stat, list and status tell the same to people and to programs', async () => {
  await ok('add', 'hello.txt')
  expect(await ok('stat', HELLO)).toMatch(/^cid +bafkrei\w+\nkind +file\nbytes +16 \(16 B\)\n/)
  expect(objects(await ok('stat', HELLO, '--json'))).toEqual([
    { cid: HELLO, kind: 'file', bytes: 16, links: 0, codec: 'raw', sharded: false },
  ])
  expect(await ok('list')).toMatch(/^\S+Z {2}\w+ +16 B {2}hello\.txt$/m)
  const [page] = objects(await ok('list', '--limit', '1', '--json'))
  expect(page).toEqual({ uploads: [expect.any(Object)], next: expect.any(Number) })
  const second = await prsm(['list', '--limit', '1', '--before', String(page?.['next'])], place)
  expect(second.stdout.trimEnd().split('\n')).toHaveLength(1)
  expect(second.stderr).toMatch(/list --before \d+/)
  expect(await ok('status')).toContain(`data     ${place.dataDir}`)
  const [status] = objects(await ok('status', '--json'))
  expect(status).toMatchObject({ dataDir: place.dataDir, uploads: expect.any(Number) })
  await fails(2, 'list', '--limit', '0')
  await fails(2, 'ls', HELLO)
})

test('a name with control characters cannot write to the terminal', async () => {
  mkdirSync(join(place.path, 'sly'))
  writeFileSync(join(place.path, 'sly/\u001b[31mred\nline'), 'x')
  const listed = await ok('ls', await ok('add', 'sly'))
  expect(listed.split('\n')).toHaveLength(1)
  expect(listed).toContain('"\\u001b[31mred\\nline"')
})

describe('dag import', () => {
  const bytes = Buffer.from('a block of its own')
  const other = Buffer.from('one that is not in it')
  const { cid } = { cid: rawCid(bytes).toString() }
  const missing = rawCid(other).toString()

  test('prints the roots on stdout and the rest on stderr', async () => {
    const car = await carOf([rawCid(bytes)], [{ cid: rawCid(bytes), bytes }])
    writeFileSync(join(place.path, 'whole.car'), car)
    const { code, stdout, stderr } = await prsm(['dag', 'import', 'whole.car', 'whole.car'], place)
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${cid}\n${cid}\n` })
    expect(stderr).toMatch(/imported whole.car: 1 blocks, 18 B in/)
    const piped = await prsm(['dag', 'import', '-', '--json'], place, car)
    expect(objects(piped.stdout).at(-1)).toMatchObject({ roots: [{ cid, pinned: true }] })
  })

  test('says what is missing, and succeeds', async () => {
    writeFileSync(join(place.path, 'cut.car'), await carOf([rawCid(other)], []))
    const { code, stdout, stderr } = await prsm(['dag', 'import', 'cut.car'], place)
    expect({ code, stdout }).toEqual({ code: 0, stdout: `${missing}\n` })
    expect(stderr).toContain(`warning: ${missing} is incomplete`)
  })

  test('--pin=false leaves them collectable', async () => {
    const at = Buffer.from('left to the collector')
    const car = await carOf([rawCid(at)], [{ cid: rawCid(at), bytes: at }])
    writeFileSync(join(place.path, 'loose.car'), car)
    const [result] = objects(await ok('dag', 'import', 'loose.car', '--pin=false', '--json')).slice(
      -1,
    )
    expect(result).toMatchObject({ roots: [{ complete: true, pinned: false }] })
  })

  test('refuses what is no CAR, no file or no choice', async () => {
    expect((await fails(7, 'dag', 'import', 'hello.txt')).error).toMatchObject({
      code: 'CAR_INVALID',
    })
    await fails(4, 'dag', 'import', 'nowhere.car')
    await fails(2, 'dag', 'import', 'whole.car', '--pin=perhaps')
  })
})
