import { spawn } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { entry, follow, objects, openPlace, prsm, start, startDaemon } from './prsm.ts'

const CID = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'

test('Ctrl-C in the middle of an upload is exit 130 and leaves nothing that is named', async () => {
  await using place = await openPlace()
  await using _daemon = await startDaemon(place)
  const upload = start(['add', '-', '--json'], place)
  upload.child.stdin.write(Buffer.alloc(20 << 20, 'part'))
  await upload.saw(/bytesDone/)
  upload.child.kill('SIGINT')
  const { code, stderr } = await upload.ended
  expect(code).toBe(130)
  expect(objects(stderr)).toEqual([expect.objectContaining({ code: 'CANCELLED' })])
  const [page] = objects((await prsm(['list', '--json'], place)).stdout)
  expect(page).toEqual({ uploads: [] })
  const [status] = objects((await prsm(['status', '--json'], place)).stdout)
  expect(status).toMatchObject({ uploads: 0, uploadBytes: 0 })
  const again = await prsm(['add', '-'], place, Buffer.alloc(20 << 20, 'part'))
  expect(again.code).toBe(0)
})

test('Ctrl-C in the middle of a download removes what was written', async () => {
  await using place = await openPlace()
  const stat = { cid: CID, kind: 'file', bytes: 1000, links: 0, codec: 'raw', sharded: false }
  const server = createServer((request, response) => {
    if (request.url?.includes('/stat/')) response.end(JSON.stringify(stat))
    else response.writeHead(200, { 'content-length': 1000 }).write('the first part')
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  const api = `http://127.0.0.1:${port}`
  const download = start(['get', CID, '-o', 'out', '--api', api, '--json'], place)
  await download.saw(/"bytesDone":14/)
  expect(readdirSync(place.path)).toEqual([expect.stringMatching(/^\.prsm-\w+\.part$/)])
  download.child.kill('SIGINT')
  expect((await download.ended).code).toBe(130)
  expect(readdirSync(place.path)).toEqual([])
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

test('a reader that has enough ends `cat` quietly', async () => {
  await using place = await openPlace()
  await using _daemon = await startDaemon(place)
  const { stdout: cid } = await prsm(['add', '-'], place, Buffer.alloc(30 << 20, 'x'))
  const line = `set -o pipefail; "${process.execPath}" "${entry}" cat ${cid.trim()} | head -c 10`
  const shell = follow(spawn('bash', ['-c', line], { cwd: place.path, env: place.env }))
  expect(await shell.ended).toMatchObject({ code: 0, stdout: 'xxxxxxxxxx', stderr: '' })
})

test('on a terminal progress is one line that is rewritten, elsewhere plain', async () => {
  await using place = await openPlace({ TERM: 'xterm' })
  await using _daemon = await startDaemon(place)
  writeFileSync(join(place.path, 'model.safetensors'), Buffer.alloc(40 << 20, 'model'))
  const line = `stty cols 60; "${process.execPath}" "${entry}" add model.safetensors`
  const terminal = follow(
    spawn('script', ['-qec', line, '/dev/null'], { cwd: place.path, env: place.env }),
  )
  terminal.child.stdin.end()
  const { code, stdout } = await terminal.ended
  expect(code).toBe(0)
  const rewritten = stdout.split('\r\u001b[K')
  expect(rewritten.length).toBeGreaterThan(2)
  expect(rewritten.at(-2)).toMatch(/^model\.saf.* 100 % .*41\.9 MB of 41\.9 MB .*MB\/s/)
  expect(
    rewritten.every(
      (shown, index) => index === 0 || index === rewritten.length - 1 || shown.length < 60,
    ),
  ).toBe(true)
  expect(stdout.trimEnd().split('\n').at(-1)).toMatch(/^bafy\w+$/)
  const plain = await prsm(['add', 'model.safetensors'], place)
  expect(plain.stderr).not.toContain('\r')
})

test('a folder that may not be read is exit 11', async () => {
  await using place = await openPlace()
  await using _daemon = await startDaemon(place)
  mkdirSync(join(place.path, 'set/shut'), { recursive: true })
  chmodSync(join(place.path, 'set/shut'), 0)
  // Root may read everything by two capabilities: without them it is held as its owner is.
  const without = '-dac_override,-dac_read_search'
  const root = process.geteuid?.() === 0
  const drop = root ? ['setpriv', `--inh-caps=${without}`, `--bounding-set=${without}`] : []
  const [file = '', ...args] = [...drop, process.execPath, entry, 'add', 'set']
  const { code, stderr } = await follow(spawn(file, args, { cwd: place.path, env: place.env }))
    .ended
  expect(code).toBe(11)
  expect(stderr).toContain(join(place.path, 'set/shut'))
})
