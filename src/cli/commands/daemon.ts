import { createServer } from 'node:net'
import { environment } from '../../config/env.ts'
import type { Flags } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import { isPrsmError, PrsmError } from '../../core/errors.ts'
import { parseLogSpec } from '../../core/log-spec.ts'
import { type ApiServer, startApiServer } from '../../http/server.ts'
import { createStorageNode, type StorageNode } from '../../node/storage-node.ts'
import { VERSION } from '../../node/version.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { collectProcessMetrics } from '../../telemetry/process-metrics.ts'
import { defaultDataDir, programName } from '../clone.ts'
import { removeDaemonFile, writeDaemonFile } from '../daemon-file.ts'
import type { Session } from '../session.ts'
import { loadSettings } from '../settings.ts'
import { poolThreads } from '../thread-pool.ts'

/** Ports tried to name a free one. */
const PORTS_TRIED = 20

/** Runs a node and its API until a signal comes; then answers what is under way, and ends. */
export async function daemon(session: Session, flags: Flags): Promise<void> {
  const { config } = await loadSettings(session, flags)
  const logger = createLogger(parseLogSpec(config.log))
  await using stack = new AsyncDisposableStack()
  const node = stack.use(
    await createStorageNode({
      dataDir: config.dataDir,
      maxFileBytes: config.maxFileBytes,
      logger,
      poolThreads: poolThreads(),
      program: 'prsm daemon',
    }),
  )
  stack.use(collectProcessMetrics(node.metrics))
  const server = stack.use(await startServer(node, config))
  node.tellApi(server.url)
  const startedAt = new Date().toISOString()
  stack.defer(() => removeDaemonFile(config.dataDir))
  await writeDaemonFile(config.dataDir, { url: server.url, pid: process.pid, startedAt }).catch(
    (error: unknown) => warnUnlisted(session, server, error),
  )
  await announce(session, server, config)
  await stopped(session.signal)
  session.note('stopping: requests under way are answered first; Ctrl-C again ends at once')
}

/** A full disk must not keep what is stored from being read: who wants it has to be told where. */
function warnUnlisted(session: Session, { url }: ApiServer, error: unknown): void {
  if (!isPrsmError(error) || error.code !== 'STORAGE_FULL') throw error
  session.warn(`${error.message}; commands find this daemon by PRSM_API=${url}`)
}

async function startServer(node: StorageNode, config: Config): Promise<ApiServer> {
  const { logger, metrics } = node
  const { maxFileBytes } = config
  const options = { ...config.api, maxFileBytes, version: VERSION }
  try {
    return await startApiServer({ node, logger, metrics }, options)
  } catch (error) {
    if (isPrsmError(error) && error.code === 'ADDRESS_IN_USE') throw await portTaken(error, config)
    throw error
  }
}

async function portTaken(error: PrsmError, { api }: Config): Promise<PrsmError> {
  const port = await freePort(api)
  const choice = `PRSM_API_LISTEN=${api.host.includes(':') ? `[${api.host}]` : api.host}:${port}`
  return new PrsmError('ADDRESS_IN_USE', error.message, {
    hint: `choose another port: ${choice} ${programName()} daemon`,
    details: { ...error.details, variable: 'PRSM_API_LISTEN', freePort: port },
    cause: error,
  })
}

/** A port of this host that nobody listens on; 0, which lets the system choose, when none was found. */
async function freePort({ host, port }: Config['api']): Promise<number> {
  for (let next = port + 1; next <= Math.min(65_535, port + PORTS_TRIED); next += 1) {
    if (await canListen(host, next)) return next
  }
  return 0
}

function canListen(host: string, port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ host, port }, () => server.close(() => resolve(true)))
  })
}

async function announce(session: Session, { url }: ApiServer, { dataDir }: Config): Promise<void> {
  const facts = { version: VERSION, url, dataDir, pid: process.pid }
  // Who else stores there finds the daemon by its folder; for another folder the address must be told.
  const usual = dataDir === defaultDataDir(environment())
  const prsm = usual ? programName() : `PRSM_API=${url} ${programName()}`
  const text = [
    `PRSM IPFS ${VERSION}: a storage node for models, datasets and research`,
    `  listens on  ${url}`,
    `  stores in   ${dataDir}`,
    '',
    'Try in another terminal:',
    `  ${prsm} add FILE-OR-FOLDER`,
    `  ${prsm} list`,
    '',
    'Ctrl-C stops it.',
  ]
  // A daemon goes on when nobody reads what it says.
  await session.result(facts, text.join('\n')).catch(() => {})
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
