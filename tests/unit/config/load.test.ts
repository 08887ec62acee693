import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeConfig } from '../../../src/config/describe.ts'
import { laterVariables } from '../../../src/config/later-variables.ts'
import { type ConfigSources, loadConfig } from '../../../src/config/load.ts'
import { settings } from '../../../src/config/schema.ts'
import { isPrsmError } from '../../../src/core/errors.ts'

let cwd: string

beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'prsm-config-'))
})

afterEach(() => rm(cwd, { recursive: true }))

function load(more: Partial<ConfigSources> = {}) {
  return loadConfig({ env: {}, cwd, defaultDataDir: join(cwd, 'data'), ...more })
}

async function write(name: string, text: string): Promise<string> {
  const path = join(cwd, name)
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, text)
  return path
}

/** The faults of a configuration that must not load, as `origin: message` lines. */
async function faultsOf(loading: Promise<unknown>): Promise<readonly string[]> {
  const error = await loading.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!isPrsmError(error)) throw new Error(`no PrsmError, but ${String(error)}`)
  expect(error.code).toBe('CONFIG_INVALID')
  const faults = error.details['faults'] as readonly { origin: string; message: string }[]
  for (const { origin, message } of faults) expect(error.message).toContain(`${origin}: ${message}`)
  return faults.map(({ origin, message }) => `${origin}: ${message}`)
}

describe('what wins', () => {
  it('is the defaults when nothing is said', async () => {
    const { config, origins, warnings } = await load({ defaultDataDir: 'data' })
    expect(config).toEqual({
      dataDir: join(cwd, 'data'),
      api: { host: '127.0.0.1', port: 8000 },
      maxFileBytes: 1024 ** 3,
      storageMaxBytes: 0,
      // Not said: it depends on the disk.
      storageReserveBytes: undefined,
      network: { listen: ['/ip4/127.0.0.1/tcp/4001'], peers: [] },
      gateway: { host: '127.0.0.1', port: 8080 },
      cacheBytes: 100 * 1024 ** 2,
      timeoutMs: 60_000,
      keepFetched: 'cache',
      concurrency: 20,
      defaulted: { swarm: true, gateway: true },
      log: 'info',
      daemonUrl: undefined,
    })
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
    expect(warnings).toEqual([])
  })

  it('is the flag over the environment over the file over the default, setting by setting', async () => {
    await write('prsm.config.yaml', 'api:\n  listen: :1\nlog: warn\nmaxFileSize: 1KiB\n')
    const { config, origins } = await load({
      env: { PRSM_API_LISTEN: ':2', PRSM_LOG: 'error' },
      flags: { listen: ':3', log: undefined },
    })
    expect(config.api.port).toBe(3)
    expect(config.log).toBe('error')
    expect(config.maxFileBytes).toBe(1024)
    expect(origins).toMatchObject({
      dataDir: 'default',
      listen: '--listen',
      maxFileSize: 'prsm.config.yaml:4 maxFileSize',
      log: 'PRSM_LOG',
      api: 'default',
      config: 'default',
    })
  })

  it.each([
    ['PRSM_DATA_DIR', '/srv/prsm', { dataDir: '/srv/prsm' }],
    ['PRSM_API_LISTEN', '[::1]:9', { api: { host: '::1', port: 9 } }],
    ['PRSM_MAX_FILE_SIZE', '0', { maxFileBytes: 0 }],
    ['PRSM_NETWORK', 'off', { network: null }],
    ['PRSM_SWARM_LISTEN', 'none', { network: { listen: [], peers: [] } }],
    [
      'PRSM_SWARM_LISTEN',
      '/ip4/0.0.0.0/tcp/1,/ip6/::/tcp/2',
      { network: { listen: ['/ip4/0.0.0.0/tcp/1', '/ip6/::/tcp/2'], peers: [] } },
    ],
    [
      'PRSM_PEERS',
      '/ip4/10.0.0.1/tcp/4001/p2p/12D3KooWQ',
      {
        network: {
          listen: ['/ip4/127.0.0.1/tcp/4001'],
          peers: ['/ip4/10.0.0.1/tcp/4001/p2p/12D3KooWQ'],
        },
      },
    ],
    ['PRSM_GATEWAY_LISTEN', '0.0.0.0:81', { gateway: { host: '0.0.0.0', port: 81 } }],
    ['PRSM_GATEWAY_LISTEN', 'off', { gateway: null }],
    ['PRSM_IPFS_CACHE_SIZE_MB', '0', { cacheBytes: 0 }],
    ['PRSM_IPFS_TIMEOUT', '5', { timeoutMs: 5000 }],
    ['PRSM_KEEP_FETCHED', 'none', { keepFetched: 'none' }],
    ['PRSM_CONCURRENCY', '10000', { concurrency: 10_000 }],
    ['PRSM_LOG', 'debug:blocks,http', { log: 'debug:blocks,http' }],
    ['PRSM_API', 'http://127.0.0.1:7', { daemonUrl: 'http://127.0.0.1:7' }],
  ])('%s=%s takes effect', async (variable, text, expected) => {
    expect((await load({ env: { [variable]: text } })).config).toMatchObject(expected)
  })

  it.each(['0', '10001', '1.5', '-1', 'many', '1e3'])(
    'refuses PRSM_CONCURRENCY=%s',
    async (text) => {
      expect(await faultsOf(load({ env: { PRSM_CONCURRENCY: text } }))).toEqual([
        `PRSM_CONCURRENCY: not a number of operations from 1 to 10000: ${JSON.stringify(text)}`,
      ])
    },
  )

  it('takes an empty variable as not set, and an empty flag as a fault', async () => {
    expect((await load({ env: { PRSM_LOG: '', PRSM_CONFIG: '' } })).config.log).toBe('info')
    expect(await faultsOf(load({ flags: { maxFileSize: '', dataDir: '' } }))).toEqual([
      '--data-dir: the path is empty',
      expect.stringMatching(/^--max-file-size: not a size: ""/),
    ])
  })
})

describe('the file', () => {
  it('is the named one, else the current folder, else the data folder', async () => {
    await write('data/prsm.config.yaml', 'log: fatal')
    expect((await load()).config.log).toBe('fatal')
    await write('prsm.config.yaml', 'log: error')
    expect((await load()).config.log).toBe('error')
    await write('other.yaml', 'log: warn')
    const { config, values } = await load({ env: { PRSM_CONFIG: 'other.yaml' } })
    expect(config.log).toBe('warn')
    expect(values.config).toBe(join(cwd, 'other.yaml'))
    await write('third.yaml', 'log: debug')
    const flags = { config: 'third.yaml' }
    expect((await load({ env: { PRSM_CONFIG: 'other.yaml' }, flags })).config.log).toBe('debug')
  })

  it('looks into the data folder that a flag or variable names', async () => {
    await write('elsewhere/prsm.config.yaml', 'log: fatal')
    const { config, origins } = await load({ env: { PRSM_DATA_DIR: 'elsewhere' } })
    expect(config).toMatchObject({ log: 'fatal', dataDir: join(cwd, 'elsewhere') })
    expect(origins.log).toBe('elsewhere/prsm.config.yaml:1 log')
  })

  it('has paths that begin at its own folder', async () => {
    await write('etc/p.yaml', 'dataDir: ../store')
    const { config } = await load({ flags: { config: 'etc/p.yaml' } })
    expect(config.dataDir).toBe(join(cwd, 'store'))
  })

  it('in the data folder cannot name another data folder, and may name its own', async () => {
    await write('data/prsm.config.yaml', 'dataDir: ../other')
    expect(await faultsOf(load())).toEqual([
      expect.stringContaining('data/prsm.config.yaml:1 dataDir: names another folder than its own'),
    ])
    await write('data/prsm.config.yaml', 'dataDir: .')
    expect((await load()).config.dataDir).toBe(join(cwd, 'data'))
  })

  it('may be empty, or hold nothing but comments', async () => {
    await write('prsm.config.yaml', '')
    expect((await load()).config.log).toBe('info')
    await write('prsm.config.yaml', '# nothing\n')
    expect((await load()).config.log).toBe('info')
  })

  it.each([
    ['lgo: debug', 'prsm.config.yaml:1 lgo: not a setting (did you mean log?)'],
    ['api:\n  lisen: :1', 'prsm.config.yaml:2 api.lisen: not a setting (did you mean api.listen?)'],
    ['zebra: 1', 'prsm.config.yaml:1 zebra: not a setting'],
    ['\napi: http://evil', 'prsm.config.yaml:2 api: holds settings of its own: api.listen'],
    ['log:\n  level: debug', 'prsm.config.yaml:2 log.level: log takes one value, not keys'],
    ['log:', 'prsm.config.yaml:1 log: takes one value'],
    ['log: [debug]', 'prsm.config.yaml:1 log: takes one value'],
    ['log: {}', 'prsm.config.yaml:1 log: takes one value'],
    ['a: &x 1\nlog: *x', 'prsm.config.yaml:2 log: takes one value'],
    ['api:\n  listen: [::1]:8000', 'prsm.config.yaml:2: not YAML'],
    ['log: info\nlog: debug', 'prsm.config.yaml:2: not YAML'],
    ['- log', 'prsm.config.yaml: not a map of settings'],
    ['? [a, b]\n: 1', 'prsm.config.yaml:1 a complex key: not a setting'],
  ])('with %j is faulty', async (text, fault) => {
    await write('prsm.config.yaml', text)
    expect(await faultsOf(load())).toContainEqual(expect.stringContaining(fault))
  })

  it('that is named must be there and be a file', async () => {
    expect(await faultsOf(load({ env: { PRSM_CONFIG: 'none.yaml' } }))).toEqual([
      `PRSM_CONFIG: there is no file ${join(cwd, 'none.yaml')}`,
    ])
    await mkdir(join(cwd, 'folder.yaml'))
    expect(await faultsOf(load({ flags: { config: 'folder.yaml' } }))).toEqual([
      expect.stringMatching(/^folder\.yaml: the file cannot be read: EISDIR/),
    ])
  })
})

describe('faults', () => {
  it('are reported together, each with its origin and what to do', async () => {
    await write('prsm.config.yaml', 'nope: 1\n\napi:\n  listen: 0.0.0.0:80\n')
    const env = { PRSM_MAX_FILE_SIZE: '1MB', PRSM_DATA_DIR: '~/prsm', PRSM_API_LISTEN: '80' }
    expect(await faultsOf(load({ env, flags: { log: 'loud' } }))).toEqual([
      'prsm.config.yaml:1 nope: not a setting',
      expect.stringMatching(/^prsm\.config\.yaml:4 api\.listen: 0\.0\.0\.0 is not a loopback.*; /),
      expect.stringMatching(/^PRSM_DATA_DIR: ~ is not expanded here: .*; write the whole path/),
      expect.stringMatching(/^PRSM_API_LISTEN: not an address: "80"; write host:port/),
      expect.stringMatching(/^PRSM_MAX_FILE_SIZE: not a size: "1MB"; write MiB/),
      expect.stringMatching(/^--log: "loud" is no log level/),
    ])
  })

  it('are found also where a flag overrides the value', async () => {
    const loading = load({ env: { PRSM_LOG: 'loud' }, flags: { log: 'info' } })
    expect(await faultsOf(loading)).toEqual([expect.stringMatching(/^PRSM_LOG: /)])
  })
})

describe('warnings', () => {
  it('name an unknown variable and suggest the nearest', async () => {
    const env = { PRSM_DATADIR: 'x', PRSM_ZEBRA_CROSSING: 'y', OTHER: 'z', PRSM_LOG_FILE: 'l' }
    expect((await load({ env })).warnings).toEqual([
      'PRSM_DATADIR is not a variable of PRSM (did you mean PRSM_DATA_DIR?)',
      expect.stringMatching(/^PRSM_LOG_FILE is not a variable of PRSM/),
      'PRSM_ZEBRA_CROSSING is not a variable of PRSM',
    ])
  })

  it('say of every variable of the original that it has no effect yet', async () => {
    const env = Object.fromEntries(laterVariables.map(({ variable }) => [variable, '1']))
    const { warnings, config } = await load({ env })
    expect(warnings).toHaveLength(laterVariables.length)
    expect(warnings).toContain('PRSM_INTEGRITY_CHECK_HOURS has no effect yet')
    expect(warnings).toContain('PRSM_API_PORT has no effect; use PRSM_API_LISTEN')
    expect(config).toEqual((await load()).config)
  })

  it('are about no variable that has an effect', () => {
    const here = Object.values(settings).map(({ variable }) => variable)
    const later = laterVariables.map(({ variable }) => variable)
    expect(later.filter((variable) => here.includes(variable))).toEqual([])
    expect(new Set(later).size).toBe(later.length)
  })
})

describe('prsm config show', () => {
  it('gives each setting with its value and its origin', async () => {
    await write('prsm.config.yaml', 'maxFileSize: 1536MiB')
    const rows = describeConfig(await load({ env: { PRSM_API_LISTEN: ':0' } }))
    const row = (variable: string) => rows.find((each) => each.variable === variable)
    expect(rows.map(({ variable }) => variable)).toEqual(
      Object.values(settings).map(({ variable }) => variable),
    )
    expect(row('PRSM_API_LISTEN')).toEqual({
      name: 'api.listen',
      variable: 'PRSM_API_LISTEN',
      value: '127.0.0.1:0',
      origin: 'PRSM_API_LISTEN',
    })
    expect(row('PRSM_MAX_FILE_SIZE')).toMatchObject({
      value: '1536MiB',
      origin: 'prsm.config.yaml:1 maxFileSize',
    })
    expect(row('PRSM_DATA_DIR')).toMatchObject({ value: join(cwd, 'data'), origin: 'default' })
    expect(row('PRSM_API')).toMatchObject({ name: 'PRSM_API', value: 'not set' })
    expect(row('PRSM_CONFIG')).toMatchObject({ value: join(cwd, 'prsm.config.yaml') })
  })
})
