import { dirname, join } from 'node:path'
import { z } from 'zod'
import { PrsmError, systemCode } from '../core/errors.ts'
import type { FilePort } from '../core/file-port.ts'
import { limits } from '../core/limits.ts'

/** The layout of a data folder this code reads and writes. Raised when older code could not read it. */
const FORMAT = 2

/** Format 1 had segments of 64 KiB and is read and written on; otherwise it is the same. */
const stampSchema = z.union([
  z.object({
    format: z.literal(1),
    inlineBlockBytes: z.int().nonnegative(),
    segmentBytes: z.literal(65_536),
  }),
  z.object({
    format: z.literal(FORMAT),
    inlineBlockBytes: z.int().nonnegative(),
    segmentBytes: z.literal(limits.segmentBytes),
  }),
])

/** `format.json`: what a data folder was made with. */
export type FormatStamp = z.infer<typeof stampSchema>

/**
 * Reads the stamp of a data folder, or writes it first in a new one. Throws STORE_TOO_NEW for a
 * folder of a later version, STORE_CORRUPT for a stamp that cannot be read.
 */
export async function readOrWriteStamp(dataDir: string, files: FilePort): Promise<FormatStamp> {
  const path = join(dataDir, 'format.json')
  const text = await readText(path, files)
  if (text !== undefined) return parseStamp(path, text)
  await refuseUnstamped(dataDir, files)
  await syncNames(dataDir, files)
  const stamp: FormatStamp = {
    format: FORMAT,
    inlineBlockBytes: limits.inlineBlockBytes,
    segmentBytes: limits.segmentBytes,
  }
  await writeDurably(dataDir, 'format.json', `${JSON.stringify(stamp, null, 2)}\n`, files)
  return stamp
}

/** The stamp is written first: data without one are of a folder that lost it, and nobody knows their format. */
async function refuseUnstamped(dataDir: string, files: FilePort): Promise<void> {
  const names = await files.list(dataDir)
  const data = names.filter((name) => ['blocks.db', 'prsm.db', 'blocks'].includes(name))
  if (data.length === 0) return
  throw new PrsmError('STORE_CORRUPT', `${dataDir} has ${data.join(', ')} and no format.json`, {
    hint: 'put format.json back (a backup has it), or choose another PRSM_DATA_DIR',
  })
}

/** A new folder, and those it is in, keep their names: its content is worth nothing where nobody finds it. */
async function syncNames(dataDir: string, files: FilePort): Promise<void> {
  for (let folder = dataDir; folder !== dirname(folder); folder = dirname(folder)) {
    await syncUnlessForbidden(dirname(folder), files)
  }
}

/** A folder we may not read is of somebody else, who made its names durable. */
async function syncUnlessForbidden(folder: string, files: FilePort): Promise<void> {
  try {
    await files.syncDirectory(folder)
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'EINVAL'].includes(systemCode(error) ?? '')) throw error
  }
}

function parseStamp(path: string, text: string): FormatStamp {
  const format = formatOf(text)
  if (format !== undefined && format > FORMAT) {
    throw new PrsmError(
      'STORE_TOO_NEW',
      `${path} says format ${format}; this version knows ${FORMAT}`,
      {
        hint: 'run the newer prsm that wrote this folder; nothing was changed',
        details: { format, known: FORMAT },
      },
    )
  }
  const stamp = stampSchema.safeParse(parseJson(text))
  if (stamp.success) return stamp.data
  throw new PrsmError('STORE_CORRUPT', `${path} cannot be read: ${z.prettifyError(stamp.error)}`, {
    hint: 'this is no data folder of prsm, or it is damaged: restore format.json, or choose another PRSM_DATA_DIR',
  })
}

function formatOf(text: string): number | undefined {
  const stamp = z.object({ format: z.int() }).safeParse(parseJson(text))
  return stamp.success ? stamp.data.format : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function readText(path: string, files: FilePort): Promise<string | undefined> {
  try {
    const file = await files.open(path, 'r')
    try {
      const buffer = Buffer.alloc(await file.size())
      return buffer.subarray(0, await file.read(buffer, 0)).toString('utf8')
    } finally {
      await file.close()
    }
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The file is whole or not there: written beside, synced, renamed, and its folder synced. */
async function writeDurably(
  folder: string,
  name: string,
  text: string,
  files: FilePort,
): Promise<void> {
  const temporary = join(folder, `${name}.new`)
  const file = await files.open(temporary, 'w')
  try {
    await file.write(Buffer.from(text), 0)
    await file.datasync()
  } finally {
    await file.close()
  }
  await files.rename(temporary, join(folder, name))
  await files.syncDirectory(folder)
}
