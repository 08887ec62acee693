import type { IncomingHttpHeaders } from 'node:http'
import { NDJSON } from '../api/schemas.ts'
import type { Exchange } from '../web/exchange.ts'
import { writeChunks } from '../web/response-stream.ts'
import { problemLine } from './refusal.ts'

/** Characters that leave together: an entry a write would make a large folder slow. */
const GATHER = 32 * 1024

/** True when the client asks for a JSON text a line. */
export function wantsLines({ accept }: IncomingHttpHeaders): boolean {
  return accept?.includes(NDJSON) === true
}

/**
 * Answers with lines, each as it comes. What fails midway is told in the last line: the status is
 * out, and the client reads to the end.
 */
export async function answerLines(exchange: Exchange, lines: AsyncIterable<string>): Promise<void> {
  exchange.response.setHeader('content-type', NDJSON)
  try {
    await writeChunks(exchange, lines)
  } catch (error) {
    if (!exchange.response.headersSent || exchange.response.destroyed) throw error
    exchange.response.write(problemLine(exchange, error))
  }
  exchange.response.end()
}

/** The pieces in larger ones. */
export async function* gathered(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  let held = ''
  for await (const piece of pieces) {
    held += piece
    if (held.length < GATHER) continue
    yield held
    held = ''
  }
  if (held !== '') yield held
}
