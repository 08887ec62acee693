import { statfs } from 'node:fs/promises'
import { Quota } from '../blocks/quota.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import type { Database } from '../db/database.ts'
import type { NodeOptions } from './node-options.ts'

/** What of a data folder is no block, no database and no log of one: keys, peers, locks, directories. */
const OTHER_BYTES = 4 * 1024 * 1024

type Room = Pick<NodeOptions, 'storageMaxBytes' | 'storageReserveBytes'>

export type RoomParts = {
  readonly path: string
  readonly databases: readonly Database[]
  /** Bytes of all block files, as they stand on the disk. */
  readonly fileBytes: () => number
}

/** What a data folder takes: files of blocks, both databases, their logs. */
function physicalBytes({ databases, fileBytes }: RoomParts): number {
  return databases.reduce((sum, { diskBytes }) => sum + diskBytes(), fileBytes() + OTHER_BYTES)
}

/** The room a data folder has. Throws INVALID_INPUT. */
export async function openQuota(options: Room, parts: RoomParts): Promise<Quota> {
  const { path } = parts
  return new Quota({
    maxBytes: checkBytes(options.storageMaxBytes, 'storageMaxBytes') || Number.POSITIVE_INFINITY,
    keepFreeBytes: checkBytes(
      options.storageReserveBytes ?? (await usualReserve(path)),
      'storageReserveBytes',
    ),
    used: () => physicalBytes(parts),
    free: async () => {
      const { bavail, bsize } = await statfs(path)
      return bavail * bsize
    },
  })
}

/** A disk that is smaller than most has less to spare. */
async function usualReserve(path: string): Promise<number> {
  const { blocks, bsize } = await statfs(path)
  return Math.min(
    limits.storageReserveBytes,
    Math.floor(blocks * bsize * limits.storageReserveShare),
  )
}

function checkBytes(bytes: number | undefined, name: string): number {
  if (bytes === undefined) return 0
  if (Number.isSafeInteger(bytes) && bytes >= 0) return bytes
  throw new PrsmError('INVALID_INPUT', `${name} ${bytes} is no count of bytes`, {
    hint: 'give a whole number; 0 = no limit but the disk',
  })
}
