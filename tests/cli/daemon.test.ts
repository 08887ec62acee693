import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { objects, openPlace, prsm, start, startDaemon } from './prsm.ts'

test('says what it is, is found by daemon.json, and stops with nothing left behind', async () => {
  await using place = await openPlace()
  await using daemon = await startDaemon(place)
  const file = join(place.dataDir, 'daemon.json')
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    url: daemon.url,
    gateway: expect.stringMatching(/^http:/),
    pid: daemon.child.pid,
    startedAt: expect.any(String),
  })
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(statSync(place.dataDir).mode & 0o777).toBe(0o700)
  expect((await prsm(['status', '--json'], place)).code).toBe(0)
  const { code, stdout, stderr } = await daemon.stop()
  expect(code).toBe(0)
  expect(stdout).toContain('PRSM IPFS')
  expect(stdout).toContain(place.dataDir)
  expect(stdout).toMatch(/prsm add /)
  expect(stderr).not.toMatch(/Warning/)
  expect(existsSync(file)).toBe(false)
})

test.each([
  ['what it sets itself', {}, ['UV_THREADPOOL_SIZE=32', 'MALLOC_ARENA_MAX=2']],
  ['what it is given', { UV_THREADPOOL_SIZE: '8' }, ['UV_THREADPOOL_SIZE=8', 'MALLOC_ARENA_MAX=2']],
] as const)('starts anew under its process id, with %s', async (_, given, expected) => {
  await using place = await openPlace(given)
  await using daemon = await startDaemon(place)
  const told = (name: string) =>
    readFileSync(`/proc/${daemon.child.pid}/${name}`, 'latin1').split('\0')
  expect(told('environ')).toEqual(expect.arrayContaining([...expected]))
  expect(told('cmdline')).toContain('--max-semi-space-size=8')
})

test('--json says where it listens as an object', async () => {
  await using place = await openPlace()
  const running = start(['daemon', '--json'], place)
  await running.saw(/"url"/)
  running.child.kill('SIGINT')
  const { code, stdout } = await running.ended
  expect(code).toBe(0)
  expect(objects(stdout)).toEqual([
    {
      version: expect.any(String),
      url: expect.stringMatching(/^http:/),
      gateway: expect.stringMatching(/^http:/),
      peer: {
        id: expect.stringMatching(/^12D3/),
        addresses: [expect.stringMatching(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/12D3/)],
      },
      dataDir: place.dataDir,
      pid: running.child.pid,
    },
  ])
})

test('a second one on the same folder is told who holds it: exit 8', async () => {
  await using place = await openPlace()
  await using daemon = await startDaemon(place)
  const { code, stderr } = await prsm(['daemon'], place)
  expect(code).toBe(8)
  expect(stderr).toContain(`process ${daemon.child.pid} at ${daemon.url}`)
  expect((await prsm(['status'], place)).code).toBe(0)
})

test('an address of another machine is exit 10, with the variable it stands in', async () => {
  await using place = await openPlace({ PRSM_GATEWAY_LISTEN: '192.0.2.1:0' })
  const { code, stderr } = await prsm(['daemon'], place)
  expect(code).toBe(10)
  expect(stderr).toContain('cannot listen on 192.0.2.1:0')
  expect(stderr).toContain('set PRSM_GATEWAY_LISTEN to an address of this machine')
})

test('a port in use is exit 8, with the variable and a free port that works', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await using place = await openPlace({ PRSM_API_LISTEN: `127.0.0.1:${port}` })
  const { code, stderr } = await prsm(['daemon'], place)
  expect(code).toBe(8)
  expect(stderr).toContain(`127.0.0.1:${port} is in use`)
  const [, choice = ''] = /PRSM_API_LISTEN=(\S+)/.exec(stderr) ?? []
  await using daemon = await startDaemon(place, ['--listen', choice])
  expect(daemon.url).toBe(`http://${choice}`)
  await new Promise((resolve) => server.close(resolve))
})

test('after kill -9 the stale daemon.json is no daemon: exit 3, and the next one starts', async () => {
  await using place = await openPlace()
  writeFileSync(join(place.path, 'f'), 'kept')
  const first = await startDaemon(place)
  const { stdout: cid } = await prsm(['add', 'f'], place)
  await first.stop('SIGKILL')
  expect(existsSync(join(place.dataDir, 'daemon.json'))).toBe(true)
  const { code, stderr } = await prsm(['list'], place)
  expect(code).toBe(3)
  expect(stderr).toContain('prsm daemon')
  await using _second = await startDaemon(place)
  expect((await prsm(['cat', cid.trim()], place)).stdout).toBe('kept')
})

test('no daemon: exit 3 with the line that starts one', async () => {
  await using place = await openPlace()
  for (const args of [
    ['status'],
    ['add', '/etc/hostname'],
    ['list', '--api', 'http://127.0.0.1:9'],
  ]) {
    const { code, stderr } = await prsm(args, place)
    expect({ args, code }).toEqual({ args, code: 3 })
    expect(stderr).toContain('prsm daemon')
  }
  const json = await prsm(['status', '--json'], place)
  expect(objects(json.stderr)).toEqual([expect.objectContaining({ code: 'DAEMON_UNREACHABLE' })])
  writeFileSync(join(place.path, 'data'), 'a file where the folder should be')
  expect((await prsm(['status'], place)).code).toBe(3)
})

test('a folder it cannot use, or of a later version, ends before it listens', async () => {
  await using place = await openPlace()
  writeFileSync(place.dataDir, 'no folder')
  const unusable = await prsm(['daemon'], place)
  expect(unusable.code).toBe(12)
  expect(unusable.stderr).toContain(place.dataDir)
  await using later = await openPlace()
  await (await startDaemon(later)).stop()
  const stamp = join(later.dataDir, 'format.json')
  writeFileSync(stamp, JSON.stringify({ ...JSON.parse(readFileSync(stamp, 'utf8')), format: 999 }))
  expect((await prsm(['daemon'], later)).code).toBe(9)
})

function blockFiles(dataDir: string): number {
  const names = readdirSync(join(dataDir, 'blocks'), { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.data')).length
}

test('a second signal ends it at once, a repeated one of the same Ctrl-C does not', async () => {
  await using place = await openPlace()
  const daemon = await startDaemon(place)
  const upload = start(['add', '-'], place)
  upload.child.stdin.write(randomBytes(3 << 20))
  // The daemon has some of it: a request that it waits for.
  await vi.waitFor(() => expect(blockFiles(place.dataDir)).toBeGreaterThan(0), 20_000)
  daemon.child.kill('SIGINT')
  daemon.child.kill('SIGINT')
  await daemon.saw(/stopping/)
  await new Promise((resolve) => setTimeout(resolve, 600))
  expect(daemon.child.exitCode).toBeNull()
  daemon.child.kill('SIGINT')
  expect((await daemon.ended).code).toBe(130)
  upload.child.stdin.end()
  expect((await upload.ended).code).toBe(3)
})
