import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What came back on a connection, as text of one byte a character. */
export type Received = {
  readonly text: () => string
  /** Waits until `pattern` came; throws when the connection ends before. */
  readonly saw: (pattern: RegExp) => Promise<RegExpExecArray>
  readonly closed: Promise<void>
}

/** A client below HTTP: sends what it is told and keeps what comes. */
export async function open(port: number): Promise<{ socket: Socket; received: Received }> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  await once(socket, 'connect')
  return { socket, received: receive(socket) }
}

/** Sends one request and returns all that came until the server closed the connection. */
export async function exchange(port: number, request: string): Promise<string> {
  const { socket, received } = await open(port)
  socket.write(request, 'latin1')
  await received.closed
  return received.text()
}

/** The head of a request with a loopback Host, unless it is given one. */
export function head(line: string, headers: Record<string, string | number> = {}): string {
  const all = { Host: 'localhost', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return `${[`${line} HTTP/1.1`, ...lines].join('\r\n')}\r\n\r\n`
}

function receive(socket: Socket): Received {
  let text = ''
  const { promise: closed, resolve } = Promise.withResolvers<void>()
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
  })
  socket.on('error', () => undefined)
  socket.on('end', () => socket.end())
  socket.on('close', () => resolve())
  const saw = async (pattern: RegExp) => {
    for (;;) {
      const found = pattern.exec(text)
      if (found) return found
      if (socket.destroyed) throw new Error(`closed before ${pattern}: ${text.slice(0, 500)}`)
      await Promise.race([once(socket, 'data').catch(() => undefined), closed])
    }
  }
  return { text: () => text, saw, closed }
}
