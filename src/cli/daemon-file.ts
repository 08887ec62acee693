import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { systemCode } from '../core/errors.ts'
import { isLoopbackName } from '../core/loopback.ts'
import { fileError } from '../files/file-error.ts'

/**
 * `daemon.json` in the data folder: where the daemon that holds the folder is found. On this machine:
 * a folder that somebody prepared must not send what is added to a server of his.
 */
const schema = z.object({
  url: z.url().refine((url) => isLoopbackName(new URL(url).hostname)),
  gateway: z.url().nullable().default(null),
  pid: z.int().positive(),
  startedAt: z.string(),
})

export type DaemonFile = z.infer<typeof schema>

const NAME = 'daemon.json'

/**
 * Written whole or not at all, and then that of a daemon that died is gone, too; only its owner can
 * read it. Throws STORAGE_FULL, FILE_UNWRITABLE.
 */
export async function writeDaemonFile(dataDir: string, daemon: DaemonFile): Promise<void> {
  const path = join(dataDir, NAME)
  const temporary = `${path}.${process.pid}`
  try {
    await writeFile(temporary, `${JSON.stringify(daemon)}\n`, { mode: 0o600 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    await rm(path, { force: true })
    throw fileError(error, path, 'write')
  }
}

/** Undefined when there is none, or none that can be read. */
export async function readDaemonFile(dataDir: string): Promise<DaemonFile | undefined> {
  const text = await readFile(join(dataDir, NAME), 'utf8').catch((error: unknown) => {
    const code = systemCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return ''
    throw error
  })
  const daemon = schema.safeParse(parsed(text))
  return daemon.success ? daemon.data : undefined
}

/** Removes it, unless another daemon has written its own. */
export async function removeDaemonFile(dataDir: string): Promise<void> {
  const daemon = await readDaemonFile(dataDir)
  if (daemon?.pid === process.pid) await rm(join(dataDir, NAME), { force: true })
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
