import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const TICK_MS = 100

export type SlowRead = {
  readonly path: string
  readonly bytesPerSecond: number
  readonly ms: number
}

/** Reads an answer at its own pace for a while, then is gone without a word. Returns the bytes it got. */
export async function readSlowly(url: string, { path, ...pace }: SlowRead): Promise<number> {
  const { hostname: host, port } = new URL(url)
  const socket = connect({ host, port: Number(port) })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  // Listening without reading: the socket takes 64 KiB, then nothing until somebody reads.
  socket.on('readable', () => {})
  const started = performance.now()
  let bytes = 0
  while (performance.now() - started < pace.ms) {
    await delay(TICK_MS)
    const due = ((performance.now() - started) / 1000) * pace.bytesPerSecond
    bytes += await readUpTo(socket, due - bytes)
  }
  socket.destroy()
  return bytes
}

async function readUpTo(socket: NodeJS.ReadableStream, wanted: number): Promise<number> {
  let got = 0
  while (got < wanted) {
    const piece = socket.read()
    if (piece === null) await delay(1)
    else got += piece.length
  }
  return got
}
