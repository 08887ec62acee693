import type { FastifyInstance } from 'fastify'
import { API_ROOT, directoryEntry } from '../../api/schemas.ts'
import { formatTarget } from '../../core/cid.ts'
import type { DirectoryEntry } from '../../core/content.ts'
import type { Exchange } from '../../web/exchange.ts'
import { primed, writeChunks } from '../../web/response-stream.ts'
import { answerLines, gathered, wantsLines } from '../answer-lines.ts'
import { targetOfUrl } from '../content-path.ts'
import { isOffline } from '../query.ts'
import { addRoute, type Handler } from '../route.ts'
import type { ServedNode } from '../served-node.ts'

const CID_SEGMENT = 5
const JSON_TYPE = 'application/json; charset=utf-8'

/** `GET /ipfs/ls/{cid}[/path]`: one JSON object, or by `Accept` one entry a line; streamed either way. */
export function addLsRoute(
  app: FastifyInstance,
  { node }: { readonly node: Pick<ServedNode, 'stat' | 'ls'> },
): void {
  const handler: Handler = async (request, reply) => {
    const { exchange } = request
    const { signal } = exchange
    const target = targetOfUrl(request.raw.url ?? '', CID_SEGMENT)
    const offline = isOffline(request.query)
    const { cid } = await node.stat(formatTarget(target), { signal, offline })
    const entries = await primed(node.ls(cid, { signal, offline }))
    const send = wantsLines(request.headers) ? sendLines : sendObject
    await exchange.hold(send(exchange, { cid, entries }))
    reply.hijack()
  }
  addRoute(app, [['GET'], `${API_ROOT}/ipfs/ls/:cid`], handler)
  addRoute(app, [['GET'], `${API_ROOT}/ipfs/ls/:cid/*`], handler)
}

type Listing = { readonly cid: string; readonly entries: AsyncIterable<DirectoryEntry> }

async function sendObject(exchange: Exchange, { cid, entries }: Listing): Promise<void> {
  exchange.response.setHeader('content-type', JSON_TYPE)
  await writeChunks(exchange, gathered(objectText(cid, entries)))
  exchange.response.end()
}

async function* objectText(cid: string, entries: Listing['entries']): AsyncGenerator<string> {
  yield `{"cid":${JSON.stringify(cid)},"entries":[`
  let separator = ''
  for await (const entry of entries) {
    yield `${separator}${text(entry)}`
    separator = ','
  }
  yield ']}'
}

function sendLines(exchange: Exchange, { entries }: Listing): Promise<void> {
  return answerLines(exchange, gathered(lines(entries)))
}

async function* lines(entries: Listing['entries']): AsyncGenerator<string> {
  for await (const entry of entries) yield `${text(entry)}\n`
}

function text(entry: DirectoryEntry): string {
  return JSON.stringify(directoryEntry.parse(entry))
}
