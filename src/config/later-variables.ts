/** A variable of the original PRSM that nothing reads here. */
export type LaterVariable = {
  readonly variable: string
  readonly unit: string
  /** The variable that does the same here, where there is one. */
  readonly instead?: string
}

const of = (unit: string, ...variables: readonly string[]): readonly LaterVariable[] =>
  variables.map((variable) => ({ variable, unit }))

/** They are warned about, so that nobody believes a setting works that does not. */
export const laterVariables: readonly LaterVariable[] = [
  { variable: 'PRSM_API_HOST', unit: 'host', instead: 'PRSM_API_LISTEN' },
  { variable: 'PRSM_API_PORT', unit: 'port', instead: 'PRSM_API_LISTEN' },
  { variable: 'PRSM_MAX_MODEL_SIZE_MB', unit: 'MiB', instead: 'PRSM_MAX_FILE_SIZE' },
  { variable: 'IPFS_TIMEOUT', unit: 'seconds', instead: 'PRSM_IPFS_TIMEOUT' },
  ...of('seconds', 'PRSM_EXECUTION_TIMEOUT', 'PRSM_PEER_DISCOVERY_SECONDS'),
  ...of('minutes', 'PRSM_FEDERATION_SYNC_MINUTES'),
  ...of('hours', 'PRSM_INTEGRITY_CHECK_HOURS', 'PRSM_MODEL_CACHE_TTL'),
  ...of('MiB', 'PRSM_SHARD_SIZE_MB'),
  { variable: 'PRSM_P2P_PORT', unit: 'port', instead: 'PRSM_SWARM_LISTEN' },
  ...of('host', 'PRSM_IPFS_HOST'),
  ...of('port', 'PRSM_IPFS_PORT', 'PRSM_METRICS_PORT'),
  ...of('URL', 'PRSM_DATABASE_URL', 'PRSM_IPFS_GATEWAY', 'PRSM_REDIS_URL'),
  ...of('multiaddr', 'IPFS_API_MULTIADDR'),
  { variable: 'PRSM_P2P_BOOTSTRAP_PEERS', unit: 'list', instead: 'PRSM_PEERS' },
  ...of('secret', 'PRSM_SECRET_KEY'),
  ...of('true or false', 'PRSM_API_RELOAD', 'PRSM_DATABASE_ECHO', 'PRSM_FTNS_ENABLED'),
  ...of('true or false', 'PRSM_IPFS_PROVENANCE', 'PRSM_IPFS_REWARDS'),
  ...of('true or false', 'PRSM_METRICS_ENABLED'),
  { variable: 'PRSM_P2P_ENABLED', unit: 'true or false', instead: 'PRSM_NETWORK' },
  ...of('FTNS', 'PRSM_FTNS_CONTEXT_COST', 'PRSM_FTNS_INITIAL_GRANT'),
  ...of('factor', 'PRSM_FTNS_REWARD_MULTIPLIER', 'PRSM_REPLICATION_FACTOR'),
  ...of('0 to 1', 'PRSM_MIN_PEER_REPUTATION', 'PRSM_MIN_PERFORMANCE'),
  ...of('count', 'PRSM_API_WORKERS', 'PRSM_IPFS_MAX_CONNECTIONS', 'PRSM_IPFS_RETRY_ATTEMPTS'),
  ...of('count', 'PRSM_MAX_CONCURRENT_EXEC', 'PRSM_MAX_SEARCH_RESULTS', 'PRSM_MAX_SHARDS'),
  ...of('count', 'PRSM_MAX_REPLICAS', 'PRSM_MIN_REPLICAS'),
]
