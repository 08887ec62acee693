import { environment } from '../../config/env.ts'
import type { Flags } from '../../config/load.ts'
import type { Config } from '../../config/schema.ts'
import { isPrsmError } from '../../core/errors.ts'
import { parseLogSpec } from '../../core/log-spec.ts'
import type { NodeIdentity } from '../../core/network.ts'
import type { GatewayServer } from '../../gateway/server.ts'
import type { ApiServer } from '../../http/server.ts'
import { createStorageNode, type StorageNode } from '../../node/storage-node.ts'
import { VERSION } from '../../node/version.ts'
import { createLogger } from '../../telemetry/logger.ts'
import { collectProcessMetrics } from '../../telemetry/process-metrics.ts'
import { defaultDataDir, programName } from '../clone.ts'
import { removeDaemonFile, writeDaemonFile } from '../daemon-file.ts'
import { startApi, startGateway } from '../daemon-servers.ts'
import type { Session } from '../session.ts'
import { loadSettings } from '../settings.ts'
import { poolThreads } from '../thread-pool.ts'

/** Runs a node, its API and its gateway until a signal comes; then answers what is under way, and ends. */
export async function daemon(session: Session, flags: Flags): Promise<void> {
  const { config } = await loadSettings(session, flags)
  await using stack = new AsyncDisposableStack()
  const node = stack.use(await createStorageNode(nodeOptions(config)))
  stack.use(collectProcessMetrics(node.metrics))
  const api = stack.use(await startApi(node, config))
  const gateway = config.gateway === null ? null : stack.use(await startGateway(node, config))
  node.tellApi(api.url)
  stack.defer(() => removeDaemonFile(config.dataDir))
  await list(session, { api, gateway }, config)
  await announce(session, { api, gateway, peer: await identity(node, config) }, config)
  await stopped(session.signal)
  session.note('stopping: requests under way are answered first; Ctrl-C again ends at once')
}

type Servers = { readonly api: ApiServer; readonly gateway: GatewayServer | null }

function nodeOptions(config: Config) {
  return {
    dataDir: config.dataDir,
    maxFileBytes: config.maxFileBytes,
    storageMaxBytes: config.storageMaxBytes,
    ...(config.storageReserveBytes !== undefined && {
      storageReserveBytes: config.storageReserveBytes,
    }),
    network:
      config.network === null
        ? ('off' as const)
        : { ...config.network, anyPort: config.defaulted.swarm },
    cacheBytes: config.cacheBytes,
    timeoutMs: config.timeoutMs,
    keepFetched: config.keepFetched,
    concurrency: config.concurrency,
    logger: createLogger(parseLogSpec(config.log)),
    poolThreads: poolThreads(),
    program: 'prsm daemon',
  }
}

async function identity(node: StorageNode, { network }: Config): Promise<NodeIdentity | null> {
  return network === null ? null : await node.id()
}

/** Writes `daemon.json`. A full disk must not keep what is stored from being read: who wants it has to be told where. */
async function list(session: Session, { api, gateway }: Servers, { dataDir }: Config) {
  const startedAt = new Date().toISOString()
  const { url } = api
  const found = { url, gateway: gateway?.url ?? null, pid: process.pid, startedAt }
  await writeDaemonFile(dataDir, found).catch((error: unknown) => {
    if (!isPrsmError(error) || error.code !== 'STORAGE_FULL') throw error
    session.warn(`${error.message}; commands find this daemon by PRSM_API=${url}`)
  })
}

type Announced = Servers & { readonly peer: NodeIdentity | null }

async function announce(session: Session, { api, gateway, peer }: Announced, config: Config) {
  const { url } = api
  const { dataDir } = config
  const facts = {
    version: VERSION,
    url,
    gateway: gateway?.url ?? null,
    peer: peer === null ? null : { id: peer.id, addresses: peer.addresses },
    dataDir,
    pid: process.pid,
  }
  // Who else stores there finds the daemon by its folder; for another folder the address must be told.
  const usual = dataDir === defaultDataDir(environment())
  const prsm = usual ? programName() : `PRSM_API=${url} ${programName()}`
  const text = [
    `PRSM IPFS ${VERSION}: a storage node for models, datasets and research`,
    `  listens on  ${url}`,
    ...(gateway === null ? [] : [`  gateway     ${gateway.url}/ipfs/CID`]),
    ...(peer?.addresses ?? []).map((address) => `  peers       ${address}`),
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
