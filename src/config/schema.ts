import { isAbsolute } from 'node:path'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { parseLogSpec } from '../core/log-spec.ts'
import { formatListen, parseDaemonUrl, parseListen } from './address.ts'
import { fromText, setting, type ValuesOf } from './setting.ts'
import { formatSize, sizeParser } from './size.ts'

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
  /** What `parseLogSpec` reads. */
  readonly log: string
  /** Origin (`http://host:port`) of the daemon the command line was told to talk to. */
  readonly daemonUrl: string | undefined
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
