import { isAbsolute } from 'node:path'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { parseLogSpec } from '../core/log-spec.ts'
import type { NetworkOptions } from '../core/network.ts'
import {
  formatListen,
  type ListenAddress,
  parseAnyListen,
  parseDaemonUrl,
  parseListen,
  parsePeers,
  parseSwarmListen,
} from './address.ts'
import { fromText, setting, type ValuesOf } from './setting.ts'
import { formatSize, sizeParser } from './size.ts'

const MIB = 1024 * 1024

/** Every setting there is. One more line here is a variable, a key, a flag and a row in the docs. */
export const settings = {
  dataDir: setting<string | undefined>({
    key: 'dataDir',
    variable: 'PRSM_DATA_DIR',
    flag: '--data-dir FOLDER',
    type: fromText(parsePath),
    path: true,
    fallback: undefined,
    fallbackText: '`./data` in a clone, else `$XDG_DATA_HOME/prsm` (`~/.local/share/prsm`)',
    unit: 'path',
    meaning: 'the folder that holds everything the node stores; one process at a time',
    show: orNotSet,
  }),
  listen: setting({
    key: 'api.listen',
    variable: 'PRSM_API_LISTEN',
    flag: '--listen ADDRESS',
    type: fromText(parseListen),
    fallback: { host: '127.0.0.1', port: 8000 },
    unit: '`host:port`',
    meaning:
      'where the HTTP API listens: a loopback address; `:8000` is 127.0.0.1, port 0 picks a free one',
    show: formatListen,
  }),
  maxFileSize: setting({
    key: 'maxFileSize',
    variable: 'PRSM_MAX_FILE_SIZE',
    flag: '--max-file-size SIZE',
    type: fromText(sizeParser('PRSM_MAX_FILE_SIZE')),
    fallback: limits.maxFileBytes,
    unit: 'size',
    meaning: 'the largest file that is stored, at every door; 0: no limit but the disk',
    show: formatSize,
  }),
  storageMax: setting({
    key: 'storage.max',
    variable: 'PRSM_STORAGE_MAX',
    flag: '--storage-max SIZE',
    type: fromText(sizeParser('PRSM_STORAGE_MAX')),
    fallback: 0,
    unit: 'size',
    meaning:
      'what the data folder may take on the disk, hard; unpinned content is collected before it is full; 0: no limit but the disk',
    show: formatSize,
  }),
  storageReserve: setting({
    key: 'storage.reserve',
    variable: 'PRSM_STORAGE_RESERVE',
    flag: '--storage-reserve SIZE',
    type: fromText(sizeParser('PRSM_STORAGE_RESERVE')),
    fallback: limits.storageReserveBytes,
    unit: 'size',
    meaning:
      'what stays free on the disk: nothing is stored beyond it; by default not more than a twentieth of the disk; 0: nothing',
    show: formatSize,
  }),
  network: setting({
    key: 'network.mode',
    variable: 'PRSM_NETWORK',
    flag: '--network MODE',
    type: fromText(oneOf('on', 'off')),
    fallback: 'on',
    unit: '`on` or `off`',
    meaning: 'exchange blocks with peers; `off` starts nothing of it and asks nobody',
    show: String,
  }),
  swarmListen: setting({
    key: 'network.listen',
    variable: 'PRSM_SWARM_LISTEN',
    flag: '--swarm-listen MULTIADDRS',
    type: fromText(parseSwarmListen),
    fallback: ['/ip4/127.0.0.1/tcp/4001'],
    unit: 'multiaddrs',
    meaning:
      'where peers reach this node, with commas between; beyond this machine only when said: `/ip4/0.0.0.0/tcp/4001`; `none`: nowhere',
    show: formatList,
  }),
  peers: setting<readonly string[]>({
    key: 'network.peers',
    variable: 'PRSM_PEERS',
    flag: '--peers MULTIADDRS',
    type: fromText(parsePeers),
    fallback: [],
    fallbackText: 'none',
    unit: 'multiaddrs',
    meaning: 'peers to stay connected to, with commas between: what `prsm id` prints on their side',
    show: formatList,
  }),
  gatewayListen: setting({
    key: 'gateway.listen',
    variable: 'PRSM_GATEWAY_LISTEN',
    flag: '--gateway-listen ADDRESS',
    type: fromText(parseGateway),
    fallback: { host: '127.0.0.1', port: 8080 },
    unit: '`host:port` or `off`',
    meaning:
      'where the read-only IPFS gateway listens; beyond this machine only when said: `0.0.0.0:8080`; `off`: nowhere',
    show: (value: ListenAddress | null) => (value === null ? 'off' : formatListen(value)),
  }),
  cacheSizeMb: setting({
    key: 'cacheSizeMb',
    variable: 'PRSM_IPFS_CACHE_SIZE_MB',
    flag: '--cache-size-mb N',
    type: fromText(countParser('a number of MiB')),
    fallback: limits.cacheBytes / MIB,
    unit: 'MiB',
    meaning: 'memory for blocks that are read again; 0: none',
    show: String,
  }),
  timeout: setting({
    key: 'timeoutSeconds',
    variable: 'PRSM_IPFS_TIMEOUT',
    flag: '--timeout SECONDS',
    type: fromText(countParser('a number of seconds', 1)),
    fallback: limits.retrievalIdleMs / 1000,
    unit: 'seconds',
    meaning: 'how long a block may go without progress while peers are asked for it',
    show: String,
  }),
  keepFetched: setting({
    key: 'keepFetched',
    variable: 'PRSM_KEEP_FETCHED',
    flag: '--keep-fetched POLICY',
    type: fromText(oneOf('cache', 'none')),
    fallback: 'cache',
    unit: '`cache` or `none`',
    meaning: 'what peers sent is stored until it is collected (`cache`), or not stored (`none`)',
    show: String,
  }),
  concurrency: setting({
    key: 'concurrency',
    variable: 'PRSM_CONCURRENCY',
    flag: '--concurrency N',
    type: fromText(countParser('a number of operations', 1, limits.maxConcurrency)),
    fallback: limits.concurrency,
    unit: 'operations',
    meaning:
      'uploads, downloads, imports and pins at a time; more wait in line, and what stands still lets them pass',
    show: String,
  }),
  log: setting({
    key: 'log',
    variable: 'PRSM_LOG',
    flag: '--log LEVEL',
    type: fromText(checkedLogSpec),
    fallback: 'info',
    unit: 'level',
    meaning: 'how much is logged on stderr: a level, or one for some parts: `debug:blocks,http`',
    show: String,
  }),
  // A file cannot set it: else a prsm.config.yaml in somebody's folder would send what is added there
  // to a server of its author.
  api: setting<string | undefined>({
    key: null,
    variable: 'PRSM_API',
    flag: '--api URL',
    type: fromText(parseDaemonUrl),
    fallback: undefined,
    fallbackText: 'what `daemon.json` in the data folder says',
    unit: 'URL',
    meaning: 'the daemon the command line talks to',
    show: orNotSet,
  }),
  config: setting<string | undefined>({
    key: null,
    variable: 'PRSM_CONFIG',
    flag: '--config FILE',
    type: fromText(parsePath),
    path: true,
    fallback: undefined,
    fallbackText: '`prsm.config.yaml` in the current folder, else in the data folder',
    unit: 'path',
    meaning: 'the configuration file',
    show: orNotSet,
  }),
}

export type SettingName = keyof typeof settings
export type SettingValues = ValuesOf<typeof settings>

/** What a node and its daemon are built from. */
export type Config = {
  /** Absolute. */
  readonly dataDir: string
  readonly api: { readonly host: string; readonly port: number }
  /** Bytes of one file; 0: no limit. */
  readonly maxFileBytes: number
  readonly storageMaxBytes: number
  readonly storageReserveBytes: number | undefined
  /** Null: no network node is started. */
  readonly network: Required<NetworkOptions> | null
  /** Null: no gateway. */
  readonly gateway: ListenAddress | null
  /** Bytes of blocks kept in memory. */
  readonly cacheBytes: number
  /** Milliseconds a block may go without progress. */
  readonly timeoutMs: number
  readonly keepFetched: 'cache' | 'none'
  /** Operations at a time. */
  readonly concurrency: number
  /** Settings nobody gave: where a port of them is taken, a free one will do. */
  readonly defaulted: { readonly swarm: boolean; readonly gateway: boolean }
  /** What `parseLogSpec` reads. */
  readonly log: string
  /** Origin (`http://host:port`) of the daemon the command line was told to talk to. */
  readonly daemonUrl: string | undefined
}

function formatList(list: readonly string[]): string {
  return list.length === 0 ? 'none' : list.join(',')
}

function parseGateway(text: string): ListenAddress | null {
  return text.trim() === 'off' ? null : parseAnyListen(text)
}

/** Reads one of some words. */
function oneOf<W extends string>(...words: readonly W[]): (text: string) => W {
  return (text) => {
    const found = words.find((word) => word === text.trim().toLowerCase())
    if (found !== undefined) return found
    throw new PrsmError('INVALID_INPUT', `not one of ${words.join(', ')}: ${JSON.stringify(text)}`)
  }
}

function countParser(what: string, least = 0, most?: number): (text: string) => number {
  const range = most === undefined ? `${least} up` : `${least} to ${most}`
  return (text) => {
    const value = Number(text)
    if (/^\d{1,9}$/.test(text.trim()) && value >= least && value <= (most ?? value)) return value
    throw new PrsmError('INVALID_INPUT', `not ${what} from ${range}: ${JSON.stringify(text)}`)
  }
}

function checkedLogSpec(text: string): string {
  parseLogSpec(text)
  return text
}

/** Relative paths were resolved by the source that gave them; an empty one and one with `~` were left. */
function parsePath(text: string): string {
  if (isAbsolute(text)) return text
  if (text === '') throw new PrsmError('INVALID_INPUT', 'the path is empty')
  throw new PrsmError('INVALID_INPUT', `~ is not expanded here: ${JSON.stringify(text)}`, {
    hint: 'write the whole path',
  })
}

function orNotSet(value: string | undefined): string {
  return value ?? 'not set'
}
