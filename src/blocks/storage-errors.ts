import { isDiskFull, isPrsmError, PrsmError, systemCode } from '../core/errors.ts'

/** A failed file operation as STORAGE_FULL or STORAGE_IO; errors of ours pass through. */
export function toStorageError(error: unknown, what: string): PrsmError {
  if (isPrsmError(error)) return error
  if (isDiskFull(error)) {
    return new PrsmError('STORAGE_FULL', `no space is left on the disk for ${what}`, {
      cause: error,
      hint: 'free some space or choose another PRSM_DATA_DIR; what was stored before is still there',
    })
  }
  const code = systemCode(error)
  return new PrsmError('STORAGE_IO', `${what}: ${error instanceof Error ? error.message : error}`, {
    cause: error,
    hint: 'the disk or its permissions are at fault; see the log of the node and of the system',
    details: code === undefined ? {} : { system: code },
  })
}
