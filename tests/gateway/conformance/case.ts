import { type IncomingHttpHeaders, request } from 'node:http'
import { CarReader } from '@ipld/car'
import { equals } from 'multiformats/bytes'
import { sha256 } from 'multiformats/hashes/sha2'

/** What a header must be: this text, a text of this form, something that passes; null: absent. */
type HeaderCheck = string | RegExp | ((value: string) => boolean) | null

/** What an answer must be. */
export type Expected = {
  /** One status, or the lowest and the highest. */
  readonly status?: number | readonly [number, number]
  readonly headers?: Readonly<Record<string, HeaderCheck>>
  readonly body?: Uint8Array | string | ((body: Uint8Array) => void | Promise<void>)
}

export type Case = {
  readonly name: string
  readonly path: string
  readonly method?: 'GET' | 'HEAD' | 'OPTIONS'
  readonly headers?: Readonly<Record<string, string>>
  /** All of `expect`, and any of `or` where there are some. */
  readonly expect: Expected
  readonly or?: readonly Expected[]
}

export type Answer = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Uint8Array
}

/** Asks as a client that neither follows redirects nor changes a URL. */
export function ask(base: string, { path, method = 'GET', headers = {} }: Case): Promise<Answer> {
  const { hostname, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      Array.fromAsync(response).then((chunks) => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        })
      }, reject)
    })
    sent.on('error', reject)
    sent.end()
  })
}

/** Throws with what differs. */
export async function check(answer: Answer, { expect, or = [] }: Case): Promise<void> {
  const faults = await faultsOf(answer, expect)
  const others = await Promise.all(or.map((each) => faultsOf(answer, each)))
  if (or.length > 0 && others.every((each) => each.length > 0)) {
    faults.push(`none of: ${others.map((each) => each.join(', ')).join(' | ')}`)
  }
  if (faults.length > 0) throw new Error(faults.join('; '))
}

async function faultsOf(answer: Answer, expected: Expected): Promise<string[]> {
  const faults: string[] = []
  const { status, headers = {}, body } = expected
  const [least, most] = typeof status === 'number' ? [status, status] : (status ?? [0, 599])
  if (answer.status < least || answer.status > most) {
    faults.push(`status ${answer.status} instead of ${status}: ${text(answer.body).slice(0, 200)}`)
  }
  for (const [name, wanted] of Object.entries(headers)) {
    const value = headerOf(answer.headers, name)
    if (!passes(value, wanted)) faults.push(`${name} is ${value} instead of ${wanted}`)
  }
  if (body !== undefined) faults.push(...(await bodyFaults(answer.body, body)))
  return faults
}

function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name.toLowerCase()]
  return Array.isArray(value) ? value.join(', ') : value
}

function passes(value: string | undefined, wanted: HeaderCheck): boolean {
  if (wanted === null) return value === undefined || value === ''
  if (value === undefined) return false
  if (typeof wanted === 'string') return value === wanted
  return wanted instanceof RegExp ? wanted.test(value) : wanted(value)
}

async function bodyFaults(
  body: Uint8Array,
  wanted: NonNullable<Expected['body']>,
): Promise<string[]> {
  if (typeof wanted === 'function') {
    try {
      await wanted(body)
      return []
    } catch (error) {
      return [`body: ${error instanceof Error ? error.message : error}`]
    }
  }
  const same = Buffer.compare(body, Buffer.from(wanted)) === 0
  return same ? [] : [`body: ${text(body).slice(0, 200)}`]
}

function text(body: Uint8Array): string {
  return Buffer.from(body).toString('utf8')
}

/** A body that holds each of `parts`. */
export function contains(...parts: readonly string[]): (body: Uint8Array) => void {
  return (body) => {
    const missing = parts.filter((part) => !text(body).includes(part))
    if (missing.length > 0) throw new Error(`has no ${missing.join(' and no ')}`)
  }
}

/** A body without `part`. */
export function without(part: string): (body: Uint8Array) => void {
  return (body) => {
    if (text(body).includes(part)) throw new Error(`has ${part}`)
  }
}

/** A body for which both hold. */
export function both(...checks: readonly ((body: Uint8Array) => void)[]) {
  return (body: Uint8Array): void => {
    for (const one of checks) one(body)
  }
}

/** A header that lists each of `values`. */
export function lists(...values: readonly string[]): (value: string) => boolean {
  return (value) => {
    const listed = value.split(',').map((each) => each.trim().toLowerCase())
    return values.every((each) => listed.includes(each.toLowerCase()))
  }
}

/** True for a header that says: shared caches may keep this for a year, it never changes. */
export function isImmutable(value: string): boolean {
  const maxAge = Number(/max-age=(\d+)/.exec(value)?.[1] ?? 0)
  return /\bpublic\b/.test(value) && /\bimmutable\b/.test(value) && maxAge >= 29_030_400
}

/** A whole CAR with exactly these blocks, in this order. */
export function carOf(...cids: readonly unknown[]): (body: Uint8Array) => Promise<void> {
  return async (body) => {
    const found = (await blocksOf(body)).join(' ')
    const wanted = cids.flat().map(String).join(' ')
    if (found !== wanted) throw new Error(`has the blocks ${found} instead of ${wanted}`)
  }
}

/** A whole CAR with at least these blocks, in any order. */
export function carWith(...cids: readonly unknown[]): (body: Uint8Array) => Promise<void> {
  return async (body) => {
    const found = await blocksOf(body)
    const missing = cids.flat().filter((cid) => !found.includes(String(cid)))
    if (missing.length > 0) throw new Error(`misses ${missing.join(' ')}`)
  }
}

/** The CIDs of a CAR, once each block is the one its CID names: the reader does not look. */
async function blocksOf(body: Uint8Array): Promise<string[]> {
  const reader = await CarReader.fromBytes(body)
  return await Array.fromAsync(reader.blocks(), async ({ cid, bytes }) => {
    const { bytes: multihash } = await sha256.digest(bytes)
    if (!equals(multihash, cid.multihash.bytes)) throw new Error(`has other bytes as ${cid}`)
    return cid.toString()
  })
}
