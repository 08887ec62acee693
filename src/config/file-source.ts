import { readFile } from 'node:fs/promises'
import { dirname, relative } from 'node:path'
import { systemCode } from '../core/errors.ts'
import type { Settings } from './setting.ts'
import { type ConfigFile, faulty, type Source } from './source.ts'

/** The file at `path` (absolute), named as someone in `cwd` would name it. */
export function configFile(path: string, cwd: string): ConfigFile {
  const near = relative(cwd, path)
  return { path, folder: dirname(path), shown: near.startsWith('..') ? path : near }
}

/** What `file` says, or undefined when there is none. */
export async function fileSource<S extends Settings>(
  settings: S,
  file: ConfigFile,
): Promise<Source<S> | undefined> {
  try {
    const text = await readFile(file.path, 'utf8')
    // Few have a file; the reader of YAML is 72 modules, which every command would load.
    const { parseFile } = await import('./yaml-source.ts')
    return parseFile(settings, file, text)
  } catch (error) {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === undefined) throw error
    const reason = error instanceof Error ? error.message : String(error)
    return faulty([{ origin: file.shown, message: `the file cannot be read: ${reason}` }])
  }
}
