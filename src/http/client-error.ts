import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import { PROBLEM_JSON, REQUEST_ID_HEADER } from '../api/schemas.ts'
import { PrsmError } from '../core/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { type ClientErrorOptions, hangUp, type ParserRefusal } from '../web/client-error.ts'
import { problemOf } from './problem.ts'

export type ClientErrorParts = Pick<ClientErrorOptions, 'isAnswering'> & { readonly log: Logger }

/** What Node's parser refuses is answered here, by hand, and hung up on. */
export function answerClientError(error: Error, socket: Socket, parts: ClientErrorParts): void {
  const { isAnswering, log } = parts
  hangUp(error, socket, { isAnswering, answer: (refusal) => answer(refusal, log) })
}

function answer({ status, message, code }: ParserRefusal, log: Logger): string {
  const requestId = randomUUID()
  log.info({ requestId, status, reason: code }, 'not a request')
  const problem = problemOf(new PrsmError('INVALID_INPUT', message), { requestId, status })
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${status} ${problem.title}`,
    `content-type: ${PROBLEM_JSON}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `${REQUEST_ID_HEADER}: ${requestId}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
