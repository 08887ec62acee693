import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  API_ROOT,
  pinBody,
  pinCheck,
  pinLine,
  pinPage,
  pinPageQuery,
  pin as pinRecord,
  pinResult,
  pinsQuery,
  pinUpdateBody,
  verifyBody,
} from '../../api/schemas.ts'
import { LOCAL } from '../../core/caller.ts'
import { parseCid } from '../../core/cid.ts'
import { PrsmError } from '../../core/errors.ts'
import type { Pin, PinCheck, PinProgress, PinResult } from '../../core/pins.ts'
import { primed } from '../../web/response-stream.ts'
import { answerLines, gathered, wantsLines } from '../answer-lines.ts'
import { jsonBody, optionalJsonBody } from '../json-body.ts'
import { parseBody, parseQuery } from '../query.ts'
import { addRoute } from '../route.ts'
import type { ServedNode } from '../served-node.ts'
import { told } from '../told.ts'

type PinParts = {
  readonly node: Pick<
    ServedNode,
    'pin' | 'unpin' | 'updatePin' | 'pins' | 'listPins' | 'verifyPins'
  >
  /** Milliseconds a body may go without a byte. */
  readonly idleMs: number
}

const PINS = `${API_ROOT}/ipfs/pins`

/** `/ipfs/pins`: what is kept; `update` and `verify` below it. */
export function addPinRoutes(app: FastifyInstance, parts: PinParts): void {
  addRoute(app, [['GET', 'HEAD', 'POST'], PINS], (request, reply) =>
    request.method === 'POST' ? addPin(request, reply, parts) : listPins(request, reply, parts),
  )
  addRoute(app, [['POST'], `${PINS}/update`], (request, reply) => updatePin(request, reply, parts))
  addRoute(app, [['POST'], `${PINS}/verify`], (request, reply) => verifyPins(request, reply, parts))
  addRoute(app, [['GET', 'HEAD', 'DELETE'], `${PINS}/:cid`], (request) =>
    request.method === 'DELETE' ? removePin(request, parts) : findPin(request, parts),
  )
}

async function addPin(request: FastifyRequest, reply: FastifyReply, { node, idleMs }: PinParts) {
  const { exchange } = request
  const { cid, ...how } = parseBody(pinBody, await jsonBody(exchange, idleMs))
  const { signal } = exchange
  return answerPinning(request, reply, (onProgress) =>
    node.pin(cid, { ...how, ...(onProgress && { onProgress }), signal }, LOCAL),
  )
}

async function updatePin(request: FastifyRequest, reply: FastifyReply, { node, idleMs }: PinParts) {
  const { exchange } = request
  const { from, to, ...how } = parseBody(pinUpdateBody, await jsonBody(exchange, idleMs))
  const { signal } = exchange
  return answerPinning(request, reply, (onProgress) =>
    node.updatePin(from, to, { ...how, ...(onProgress && { onProgress }), signal }, LOCAL),
  )
}

type Pinning = (onProgress?: (progress: PinProgress) => void) => Promise<PinResult>

/** By `Accept` with a line for each step, else once it is done. */
async function answerPinning(
  { exchange, headers }: FastifyRequest,
  reply: FastifyReply,
  run: Pinning,
) {
  if (wantsLines(headers)) {
    const lines = textLines(told(run), (line) => pinLine.parse(line))
    await exchange.hold(primed(lines).then((ready) => answerLines(exchange, ready)))
    return reply.hijack()
  }
  const result = await exchange.hold(run())
  reply.code(result.created ? 201 : 200)
  reply.header('location', `${PINS}/${result.cid}`)
  return pinResult.parse(result)
}

async function listPins(request: FastifyRequest, reply: FastifyReply, { node }: PinParts) {
  const { exchange, headers, query } = request
  if (request.method === 'HEAD' || !wantsLines(headers)) {
    return pinPage.parse(await node.listPins(parseQuery(pinPageQuery, query), LOCAL))
  }
  const { signal } = exchange
  const pins = node.pins({ ...parseQuery(pinsQuery, query), signal }, LOCAL)
  const lines = textLines(await primed(pins), (pin: Pin) => pinRecord.parse(pin))
  await exchange.hold(answerLines(exchange, gathered(lines)))
  return reply.hijack()
}

async function verifyPins(
  request: FastifyRequest,
  reply: FastifyReply,
  { node, idleMs }: PinParts,
) {
  const { exchange } = request
  const { signal } = exchange
  const how = parseBody(verifyBody, await optionalJsonBody(exchange, idleMs))
  const checks = node.verifyPins({ ...how, signal }, LOCAL)
  const lines = textLines(checks, (check: PinCheck) => pinCheck.parse(check))
  await exchange.hold(primed(lines).then((ready) => answerLines(exchange, ready)))
  return reply.hijack()
}

async function findPin(request: FastifyRequest, { node }: PinParts) {
  const cid = cidOf(request)
  const { pins } = await node.listPins({ cid, limit: 1 }, LOCAL)
  const [found] = pins
  if (found !== undefined) return pinRecord.parse(found)
  throw new PrsmError('PIN_NOT_FOUND', `${cid} is not pinned`, {
    hint: '`prsm pin ls` lists what is',
    details: { cid },
  })
}

async function removePin(request: FastifyRequest, { node }: PinParts) {
  const removing = node.unpin(cidOf(request), {}, LOCAL)
  return pinRecord.parse(await request.exchange.hold(removing))
}

function cidOf({ params }: FastifyRequest): string {
  const { cid } = Object(params)
  return parseCid(String(cid)).toString()
}

async function* textLines<T>(
  items: AsyncIterable<T>,
  checked: (item: T) => unknown,
): AsyncGenerator<string> {
  for await (const item of items) yield `${JSON.stringify(checked(item))}\n`
}
