/** Layers, lowest first. A folder may import its own files and any lower layer it names here. */
const below = (...names) => names
const stores = below('core', 'telemetry', 'db')
const flows = below(
  'core',
  'telemetry',
  'db',
  'api',
  'files',
  'blocks',
  'remotes',
  'inspect',
  'network',
  'unixfs',
  'car',
  'provenance',
  'ledger',
  'retrieval',
  'economy',
  'registry',
  'owners',
  'pins',
)
const may = {
  core: [],
  config: ['core'],
  telemetry: ['core'],
  db: ['core'],
  api: ['core'],
  files: ['core'],
  web: ['core'],
  client: ['core', 'api', 'files'],
  blocks: stores,
  remotes: ['core', 'telemetry'],
  inspect: ['core', 'telemetry'],
  network: ['core', 'telemetry'],
  unixfs: ['core', 'telemetry', 'blocks'],
  car: ['core', 'telemetry', 'files', 'blocks', 'unixfs'],
  provenance: ['core', 'telemetry', 'db'],
  ledger: ['core', 'telemetry', 'db'],
  retrieval: ['core', 'telemetry', 'blocks', 'network', 'remotes'],
  economy: ['core', 'db', 'ledger', 'provenance'],
  registry: ['core', 'telemetry', 'db', 'provenance'],
  owners: ['core', 'telemetry', 'db'],
  pins: ['core', 'telemetry', 'db', 'blocks', 'unixfs', 'retrieval'],
  collection: ['core', 'telemetry', 'db', 'blocks', 'pins'],
  backup: ['core', 'telemetry', 'db', 'blocks', 'unixfs', 'pins'],
  uploads: flows,
  downloads: flows,
  imports: flows,
  node: [...flows, 'config', 'collection', 'uploads', 'downloads', 'imports', 'backup'],
  gateway: ['core', 'telemetry', 'files', 'web', 'blocks', 'unixfs', 'car', 'node'],
  http: ['core', 'api', 'telemetry', 'files', 'web', 'node', 'dashboard'],
  dashboard: ['core', 'api', 'client'],
  cli: ['core', 'config', 'telemetry', 'api', 'files', 'client', 'node', 'http', 'gateway'],
}

const layers = Object.entries(may).map(([folder, allowed]) => ({
  name: `${folder}-imports-only-what-its-layer-may`,
  severity: 'error',
  from: { path: `^src/${folder}/` },
  to: { path: '^src/', pathNot: [folder, ...allowed].map((name) => `^src/${name}/`) },
}))

/** A package that leaks a technology is named by exactly the folders that may know it. */
const only = (name, packages, folders) => ({
  name: `${name}-only-in-${folders.join('-')}`,
  severity: 'error',
  from: { path: '^src/', pathNot: folders.map((folder) => `^src/${folder}/`) },
  to: { path: packages, dependencyTypesNot: ['type-only'] },
})

export default {
  forbidden: [
    ...layers,
    {
      name: 'every-folder-has-a-layer',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: Object.keys(may).map((name) => `^src/${name}/`) },
      to: {},
    },
    {
      name: 'library-shows-only-node-core-config',
      severity: 'error',
      from: { path: '^src/index\\.ts$' },
      to: { path: '^src/', pathNot: ['node', 'core', 'config'].map((name) => `^src/${name}/`) },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'no-orphans',
      severity: 'error',
      from: {
        orphan: true,
        path: '^src/',
        pathNot: ['^src/index\\.ts$', '^src/cli/(main\\.ts|prsm\\.mjs)$'],
      },
      to: {},
    },
    {
      name: 'src-never-imports-tests',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^tests/' },
    },
    {
      name: 'no-dev-dependency-in-src',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], pathNot: '/(helia|@helia/(bitswap|libp2p))/' },
    },
    only('helia-and-libp2p', '/(helia|libp2p|@helia|@libp2p|@chainsafe|datastore-level)/', [
      'network',
      'unixfs',
    ]),
    only('blockstore-fs', '/blockstore-fs/', ['blocks']),
    only('sqlite-driver', '/better-sqlite3/', ['db']),
    only('prom-client', '/prom-client/', ['telemetry']),
    only('undici', '/undici/', ['remotes', 'client']),
    only('fastify', '/(fastify|@fastify)/', ['http', 'gateway']),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.js'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
}
