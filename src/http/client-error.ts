import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { PROBLEM_JSON, REQUEST_ID_HEADER } from '../api/schemas.ts'
import { PrsmError, systemCode } from '../core/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { problemOf } from './problem.ts'

export type ClientErrorParts = {
  readonly log: Logger
  /** True when an answer has begun on the connection: nothing may be written into it. */
  readonly isAnswering: (socket: Socket) => boolean
}

/** Milliseconds a client has to read why it is refused before the connection is cut. */
const LINGER_MS = 1000

/** What Node's parser refuses never becomes a request: it is answered here, by hand, and hung up on. */
export function answerClientError(error: Error, socket: Socket, parts: ClientErrorParts): void {
  const code = systemCode(error)
  if (socket.destroyed || !socket.writable || code === 'ECONNRESET' || parts.isAnswering(socket)) {
    socket.destroy()
    return
  }
  const requestId = randomUUID()
  const { status, message } = refusalOf(code)
  parts.log.info({ requestId, status, reason: code }, 'not a request')
  const problem = problemOf(new PrsmError('INVALID_INPUT', message), { requestId, status })
  const timer = setTimeout(() => socket.destroy(), LINGER_MS)
  socket.once('close', () => clearTimeout(timer))
  socket.end(answer(problem.status, problem.title, JSON.stringify(problem), requestId))
  socket.resume()
}

function refusalOf(code: string | undefined): { status: number; message: string } {
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, message: 'the head of the request is too long' }
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { status: 408, message: 'the head of the request took too long' }
  }
  return { status: 400, message: `the request is no well-formed HTTP (${code ?? 'unknown'})` }
}

function answer(status: number, title: string, body: string, requestId: string): string {
  const head = [
    `HTTP/1.1 ${status} ${title}`,
    `content-type: ${PROBLEM_JSON}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `${REQUEST_ID_HEADER}: ${requestId}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
