import type { Readable } from 'node:stream'
import { type Dispatcher, Pool } from 'undici'
import type { z } from 'zod'
import { API_ROOT, PROBLEM_JSON, problem } from '../api/schemas.ts'
import { PrsmError } from '../core/errors.ts'
import { fromConnection, fromProblem, notUnderstood } from './api-error.ts'

export type ApiRequest = {
  readonly method: 'GET' | 'POST' | 'DELETE'
  /** Below `/api/v1/ipfs`, encoded. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal | undefined
  /** The daemon may be silent for as long as it likes: it works. */
  readonly patient?: boolean
  /** It may wait for its turn before it begins to answer: others upload and download. */
  readonly inLine?: boolean
}

/** An answer whose status says it went well. */
export type Answer = {
  readonly status: number
  readonly header: (name: string) => string | undefined
  /** Iterate it, or `discard` it: the connection waits for that. */
  readonly body: AsyncIterable<Uint8Array>
  readonly discard: () => void
}

/** Bytes held of an answer: with fewer, large bodies come in crumbs. */
const BUFFER_BYTES = 1024 * 1024
/** Bytes read of an answer that should be one JSON text. */
const MAX_JSON_BYTES = 16 * 1024 * 1024

/** The HTTP API of one daemon. Connections are opened when needed and kept for the next request. */
export class Api {
  /** As messages name it. */
  readonly url: string
  readonly #pool: Pool
  readonly #root: string
  #closed: Promise<void> | undefined

  /** Throws INVALID_INPUT for what is not an http: or https: URL. */
  constructor(url: string) {
    const { origin, pathname } = parseUrl(url)
    this.url = origin
    this.#root = `${pathname.replace(/\/+$/, '')}${API_ROOT}/ipfs`
    this.#pool = new Pool(origin)
  }

  /** Sends a request. Rejects with the error the daemon tells, DAEMON_UNREACHABLE or CANCELLED. */
  async send(request: ApiRequest): Promise<Answer> {
    const answer = await this.#dispatch(request)
    const header = headerOf(answer)
    const discard = () => discardBody(answer.body)
    if (answer.statusCode < 400) {
      const body = this.#body(answer.body, request.signal)
      return { status: answer.statusCode, header, body, discard }
    }
    const told = header('content-type')?.startsWith(PROBLEM_JSON)
      ? problem.safeParse(await this.#jsonBody(answer.body, request.signal))
      : undefined
    if (told?.success) throw fromProblem(told.data)
    discard()
    throw notUnderstood(this.url, `status ${answer.statusCode} without problem details`)
  }

  /** The JSON of an answer, as `schema` has it. */
  async json<T>(schema: z.ZodType<T>, request: ApiRequest): Promise<T> {
    const { body } = await this.send(request)
    const parsed = schema.safeParse(await this.#jsonBody(body, request.signal))
    if (parsed.success) return parsed.data
    throw notUnderstood(this.url, 'an answer has not the fields it should have', parsed.error)
  }

  /** Closes the connections when what is under way has ended. */
  close(): Promise<void> {
    this.#closed ??= this.#pool.close()
    return this.#closed
  }

  async #dispatch(request: ApiRequest): Promise<Dispatcher.ResponseData> {
    const { method, path, query = {}, headers = {}, body, signal } = request
    const { patient = false, inLine = patient } = request
    const search = new URLSearchParams(query).toString()
    try {
      return await this.#pool.request({
        method,
        path: `${this.#root}${path}${search === '' ? '' : `?${search}`}`,
        headers,
        // Undici documents (async) iterables as bodies; its types do not.
        ...(body === undefined ? {} : { body: body as unknown as Readable }),
        ...(signal === undefined ? {} : { signal }),
        ...(inLine && { headersTimeout: 0 }),
        ...(patient && { bodyTimeout: 0 }),
        highWaterMark: BUFFER_BYTES,
      })
    } catch (error) {
      throw fromConnection(error, this.url, signal)
    }
  }

  async *#body(
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Uint8Array> {
    try {
      yield* body
    } catch (error) {
      throw fromConnection(error, this.url, signal)
    }
  }

  async #jsonBody(
    body: AsyncIterable<Uint8Array>,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    const pieces: Uint8Array[] = []
    let bytes = 0
    for await (const piece of this.#body(body, signal)) {
      bytes += piece.length
      if (bytes > MAX_JSON_BYTES) throw notUnderstood(this.url, 'an answer is too large')
      pieces.push(piece)
    }
    try {
      return JSON.parse(Buffer.concat(pieces).toString('utf8'))
    } catch (error) {
      throw notUnderstood(this.url, 'an answer is not JSON', error)
    }
  }
}

function parseUrl(text: string): URL {
  const url = URL.parse(text)
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url
  throw new PrsmError('INVALID_INPUT', `not the address of a daemon: ${JSON.stringify(text)}`, {
    hint: 'it looks like http://127.0.0.1:8000',
  })
}

function headerOf({ headers }: Dispatcher.ResponseData): Answer['header'] {
  return (name) => {
    const value = headers[name]
    return typeof value === 'string' ? value : value?.[0]
  }
}

/** Undici reports a body that is given up as an error, to whoever listens. */
function discardBody(body: Dispatcher.ResponseData['body']): void {
  body.on('error', () => {})
  body.destroy()
}
