import type { Multipart, MultipartFile } from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import { abortable } from '../core/abortable.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import type { Exchange } from '../web/exchange.ts'
import {
  type BodyBounds,
  checkSize,
  type IdleWatch,
  incomplete,
  watchIdle,
} from './request-body.ts'

/** The one file of a form. `content` ends well only when nothing else is in the form. */
export type FormFile = {
  readonly filename?: string
  readonly contentType: string
  readonly content: AsyncIterable<Uint8Array>
}

/** What @fastify/multipart is told: sizes are ours to check, a second part is seen and refused. */
export const formLimits = { fileSize: Number.POSITIVE_INFINITY, files: 2, fields: 1, parts: 3 }

type Parts = AsyncIterator<Multipart>

/** Reads a form up to its first part. Throws INVALID_INPUT when that is no file, UPLOAD_INCOMPLETE. */
export async function openForm(request: FastifyRequest, bounds: BodyBounds): Promise<FormFile> {
  const { exchange } = request
  const idle = watchIdle(exchange, bounds.idleMs)
  try {
    const parts = request.parts()
    const first = await nextPart(exchange, parts, idle)
    if (first?.type !== 'file') throw notOneFile()
    const content = fileBytes(exchange, { first, parts, idle }, bounds)
    const { filename, mimetype: contentType } = first
    return {
      contentType,
      ...(filename ? { filename } : {}),
      content: abortable(content, exchange.signal),
    }
  } catch (error) {
    idle[Symbol.dispose]()
    throw formError(exchange, error)
  }
}

type OpenForm = { readonly first: MultipartFile; readonly parts: Parts; readonly idle: IdleWatch }

/** The file's bytes, and then the rest of the form: until it ends, another part may follow. */
async function* fileBytes(
  exchange: Exchange,
  { first, parts, idle }: OpenForm,
  bounds: BodyBounds,
): AsyncGenerator<Uint8Array> {
  using watch = idle
  const chunks = first.file[Symbol.asyncIterator]()
  try {
    for (;;) {
      const next: IteratorResult<Uint8Array> = await watch.during(chunks.next())
      if (next.done) break
      exchange.bytesIn += next.value.length
      checkSize(exchange.bytesIn, bounds.maxBytes)
      yield next.value
    }
    if (await nextPart(exchange, parts, watch)) throw notOneFile()
  } catch (error) {
    throw formError(exchange, error)
  } finally {
    await chunks.return?.()
  }
}

async function nextPart(
  exchange: Exchange,
  parts: Parts,
  idle: IdleWatch,
): Promise<Multipart | undefined> {
  const next = await exchange.orAborted(idle.during(parts.next()))
  return next.done ? undefined : next.value
}

function notOneFile(): PrsmError {
  return new PrsmError('INVALID_INPUT', 'the form does not have exactly one part, a file', {
    hint: 'send one file a request; a folder as application/x-tar',
  })
}

function formError(exchange: Exchange, error: unknown): PrsmError {
  if (isPrsmError(error)) return error
  if (!exchange.request.complete) return incomplete(exchange, error)
  return new PrsmError('INVALID_INPUT', 'the body is no well-formed form', {
    cause: error,
  })
}
