import { join, resolve } from 'node:path'
import { environmentSource } from './environment-source.ts'
import { configFile, fileSource } from './file-source.ts'
import { type Config, type SettingName, type SettingValues, settings } from './schema.ts'
import { settle, winners } from './settle.ts'
import { type Environment, flagSource, type Given, invalid, type Source } from './source.ts'

/** The file that is looked for when none is named. */
export const CONFIG_FILE = 'prsm.config.yaml'

/** The text of each flag that was given; the names are commander's: `--data-dir` is `dataDir`. */
export type Flags = { readonly [K in SettingName]?: string | undefined }

export type ConfigSources = {
  readonly env: Environment
  readonly flags?: Flags
  /** Where the program was started: relative paths of flags and environment begin here. Absolute. */
  readonly cwd: string
  /** The data folder when nobody names one. */
  readonly defaultDataDir: string
}

export type LoadedConfig = {
  readonly config: Config
  /** Each setting as it stands, for `describeConfig`. */
  readonly values: SettingValues
  /** Where each value comes from: `default`, `PRSM_LOG`, `--log`, `/path/prsm.config.yaml:3 log`. */
  readonly origins: Readonly<Record<SettingName, string>>
  /** Sentences for the user; nothing failed. */
  readonly warnings: readonly string[]
}

/**
 * Reads defaults, the file, the environment and flags; a later one wins. Everything that was given
 * is checked, also what was overridden. Throws CONFIG_INVALID with all faults in its message and in
 * `details.faults`.
 */
export async function loadConfig(sources: ConfigSources): Promise<LoadedConfig> {
  const { env, flags = {}, cwd } = sources
  const defaultDataDir = resolve(cwd, sources.defaultDataDir)
  const outer = [await environmentSource(settings, env, cwd), flagSource(settings, flags, cwd)]
  const file = await findFile(winners(outer), { cwd, defaultDataDir })
  const { values, origins } = settle(settings, [file.source, ...outer])
  const dataDir = values.dataDir ?? defaultDataDir
  if (file.dataDir !== undefined && file.dataDir !== dataDir) {
    const message = `names another folder than its own, ${file.dataDir}; move the file to ${dataDir}`
    throw invalid([{ origin: origins.dataDir, message }])
  }
  return {
    config: {
      dataDir,
      api: values.listen,
      maxFileBytes: values.maxFileSize,
      storageMaxBytes: values.storageMax,
      // By default it depends on the disk.
      storageReserveBytes: origins.storageReserve === 'default' ? undefined : values.storageReserve,
      network:
        values.network === 'off' ? null : { listen: values.swarmListen, peers: values.peers },
      gateway: values.gatewayListen,
      cacheBytes: values.cacheSizeMb * 1024 * 1024,
      timeoutMs: values.timeout * 1000,
      keepFetched: values.keepFetched,
      concurrency: values.concurrency,
      defaulted: {
        swarm: origins.swarmListen === 'default',
        gateway: origins.gatewayListen === 'default',
      },
      log: values.log,
      daemonUrl: values.api,
    },
    values: { ...values, dataDir, config: file.path },
    origins,
    warnings: outer.flatMap(({ warnings }) => warnings),
  }
}

type Found = {
  readonly source: Source<typeof settings>
  readonly path: string | undefined
  /** The data folder, when the file was found there because nobody named one. */
  readonly dataDir?: string
}

/** The named file, which must be there; else the one of the current folder; else the data folder's. */
async function findFile(
  given: Partial<Record<SettingName, Given>>,
  folders: { readonly cwd: string; readonly defaultDataDir: string },
): Promise<Found> {
  const none: Source<typeof settings> = { given: {}, faults: [], warnings: [] }
  const named = given.config
  if (named !== undefined) {
    const source = await fileSource(settings, configFile(named.text, folders.cwd))
    const missing = { origin: named.origin, message: `there is no file ${named.text}` }
    return { source: source ?? { ...none, faults: [missing] }, path: named.text }
  }
  const dataDir = given.dataDir?.text ?? folders.defaultDataDir
  for (const folder of [folders.cwd, dataDir]) {
    const path = join(folder, CONFIG_FILE)
    const source = await fileSource(settings, configFile(path, folders.cwd))
    if (source !== undefined) return { source, path, ...(folder === dataDir ? { dataDir } : {}) }
  }
  return { source: none, path: undefined }
}
