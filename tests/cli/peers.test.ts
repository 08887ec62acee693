import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { objects, openPlace, type Place, prsm, startDaemon } from './prsm.ts'

const NOBODY = '12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC'

const stack = new AsyncDisposableStack()
let here: Place
let there: Place
let off: Place
let id: string
let address: string

beforeAll(async () => {
  here = stack.use(await openPlace())
  there = stack.use(await openPlace())
  off = stack.use(await openPlace({ PRSM_NETWORK: 'off' }))
  const daemons = await Promise.all([here, there, off].map((place) => startDaemon(place)))
  for (const daemon of daemons) stack.use(daemon)
  ;[id = '', address = ''] = (await ok(there, 'id')).split('\n')
})

afterAll(() => stack.disposeAsync())

/** Runs a command that must succeed, and gives what it printed. */
async function ok(place: Place, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await prsm(args, place)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout.trimEnd()
}

/** Runs a command that must fail for people and for programs alike. */
async function fails(place: Place, code: number, ...args: string[]) {
  const [human, json] = await Promise.all([prsm(args, place), prsm([...args, '--json'], place)])
  expect({ args, code: human.code, json: json.code }).toEqual({ args, code, json: code })
  expect(human.stdout + json.stdout).toBe('')
  expect(human.stderr).toMatch(/^prsm: .+\n/)
  expect(human.stderr).not.toMatch(/\n\s+at /)
  const [error, ...more] = objects(json.stderr)
  expect(more).toEqual([])
  return { stderr: human.stderr, error }
}

describe('id', () => {
  test('prints the peer ID, then the addresses', async () => {
    expect(id).toMatch(/^12D3KooW\w+$/)
    expect(address).toMatch(new RegExp(`^/ip4/127\\.0\\.0\\.1/tcp/\\d+/p2p/${id}$`))
    expect(objects(await ok(there, 'id', '--json'))).toEqual([
      { id, addresses: [address], agent: expect.stringMatching(/^prsm-ipfs\//) },
    ])
  })

  test('is 2 without the network, 3 without a daemon', async () => {
    const { error, stderr } = await fails(off, 2, 'id')
    expect(error).toMatchObject({ code: 'NETWORK_OFF' })
    expect(stderr).toContain('PRSM_NETWORK=on')
    await fails(off, 2, 'peer', 'ls')
    await fails(off, 2, 'peer', 'connect', address)
    await fails(off, 2, 'peer', 'disconnect', id)
    await using nowhere = await openPlace()
    await fails(nowhere, 3, 'id')
    await fails(nowhere, 3, 'peer', 'ls')
  })
})

describe('peer', () => {
  test('connects, lists, disconnects', async () => {
    const none = await prsm(['peer', 'ls'], here)
    expect(none).toMatchObject({ code: 0, stdout: '', stderr: 'no peer is connected\n' })
    expect((await prsm(['peer', 'ls', '--json'], here)).stdout).toBe('')

    const connected = await prsm(['peer', 'connect', address], here)
    expect(connected).toMatchObject({ code: 0, stdout: `${id}\n` })
    expect(connected.stderr).toMatch(/^connected to (prsm-ipfs|12D3)/)

    expect((await ok(here, 'peer', 'ls')).split('\n')).toEqual([
      expect.stringMatching(`^${id} +outbound +${address} +prsm-ipfs/`),
    ])
    const connection = { id, address, direction: 'outbound', kept: false }
    expect(objects(await ok(here, 'peer', 'ls', '--json'))).toEqual([
      expect.objectContaining({ ...connection, agent: expect.stringMatching(/^prsm-ipfs\//) }),
    ])
    const [again, ...more] = objects(await ok(here, 'peer', 'connect', address, '--json'))
    expect([again, more]).toEqual([expect.objectContaining(connection), []])
    const [inbound] = objects(await ok(there, 'peer', 'ls', '--json'))
    expect(inbound).toMatchObject({ direction: 'inbound' })

    expect(await prsm(['peer', 'disconnect', id], here)).toMatchObject({
      code: 0,
      stdout: `${id}\n`,
      stderr: `disconnected from ${id}\n`,
    })
    await ok(here, 'peer', 'connect', address)
    expect(objects(await ok(here, 'peer', 'disconnect', id, '--json'))).toEqual([{ id }])
    expect(await ok(here, 'peer', 'ls')).toBe('')
  })

  test('says what is wrong by its exit code', async () => {
    for (const text of ['hello', '/ip4/127.0.0.1/tcp/4001', `/p2p/${NOBODY}`, NOBODY, '']) {
      const { error } = await fails(here, 2, 'peer', 'connect', text)
      expect(error).toMatchObject({ code: 'INVALID_INPUT' })
    }
    const gone = await fails(here, 3, 'peer', 'connect', `/ip4/127.0.0.1/tcp/9/p2p/${NOBODY}`)
    expect(gone.error).toMatchObject({ code: 'PEER_UNREACHABLE' })
    expect(gone.stderr).toContain('prsm id')
    await fails(here, 3, 'peer', 'disconnect', NOBODY)
    for (const text of ['hello', '', '..']) await fails(here, 2, 'peer', 'disconnect', text)
  })

  test.each([
    'peer',
    'peer frobnicate',
    'peer connect',
    'peer connect a b',
    'peer disconnect',
    'peer ls x',
    'id x',
    'id --offline',
  ])('prsm %s is a usage error', async (line) => {
    expect((await prsm(line.split(' '), here)).code).toBe(2)
  })
})

describe('--offline', () => {
  test('asks no peer; without it the content comes from one', async () => {
    mkdirSync(join(there.path, 'set'))
    writeFileSync(join(there.path, 'set/a'), 'of the other')
    const folder = await ok(there, 'add', 'set')
    await ok(here, 'peer', 'connect', address)
    for (const args of [['ls'], ['stat'], ['cat'], ['get', '-o', 'never']]) {
      const [command = '', ...more] = args
      const { error } = await fails(here, 4, command, folder, ...more, '--offline')
      expect(error).toMatchObject({ code: 'CONTENT_NOT_FOUND' })
    }
    expect(await ok(here, 'cat', `${folder}/a`)).toBe('of the other')
    // What came from a peer is stored here now.
    expect(await ok(here, 'cat', `${folder}/a`, '--offline')).toBe('of the other')
    expect(await ok(here, 'ls', folder, '--offline')).toMatch(/ 12 +a$/)
    expect(await ok(here, 'stat', folder, '--offline')).toMatch(/^kind +directory$/m)
    await ok(here, 'get', folder, '-o', 'copy', '--offline')
    expect(readFileSync(join(here.path, 'copy/a'), 'utf8')).toBe('of the other')
  })
})

test('a peer of PRSM_PEERS is connected at the start, and kept', async () => {
  await using place = await openPlace({ PRSM_PEERS: address })
  await using _daemon = await startDaemon(place)
  const line = new RegExp(`^${id} +outbound +kept +${address}`)
  const end = Date.now() + 10_000
  while (!line.test(await ok(place, 'peer', 'ls'))) {
    if (Date.now() > end) throw new Error('never connected')
  }
  const [peer] = objects(await ok(place, 'peer', 'ls', '--json'))
  expect(peer).toMatchObject({ id, kept: true })
})
