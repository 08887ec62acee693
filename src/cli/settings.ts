import { Option } from 'commander'
import { environment } from '../config/env.ts'
import { type Flags, type LoadedConfig, loadConfig } from '../config/load.ts'
import { type SettingName, settings } from '../config/schema.ts'
import { defaultDataDir } from './clone.ts'
import type { Session } from './session.ts'

/** Flags of commands that talk to a daemon. */
export const clientFlags = ['api', 'dataDir', 'config'] as const satisfies readonly SettingName[]

/** Flags of the daemon. */
export const daemonFlags = [
  'dataDir',
  'listen',
  'maxFileSize',
  'storageMax',
  'storageReserve',
  'network',
  'swarmListen',
  'peers',
  'gatewayListen',
  'cacheSizeMb',
  'timeout',
  'keepFetched',
  'concurrency',
  'log',
  'config',
] as const satisfies readonly SettingName[]

/** The flag of a setting, as its own table has it. */
export function settingOption(name: SettingName): Option {
  const { flag, meaning, variable } = settings[name]
  return new Option(flag.replace(/ (\S+)$/, ' <$1>'), `${meaning} (${variable})`)
}

/** The configuration this run has, its warnings told. Throws CONFIG_INVALID. */
export async function loadSettings(session: Session, flags: Flags): Promise<LoadedConfig> {
  const env = environment()
  const cwd = process.cwd()
  const loaded = await loadConfig({ env, flags, cwd, defaultDataDir: defaultDataDir(env) })
  for (const warning of loaded.warnings) session.warn(warning)
  return loaded
}
