import { isDiskFull, isPrsmError, PrsmError, systemCode } from '../core/errors.ts'

/** An error of the file system at `file`, as one of ours: STORAGE_FULL or STORAGE_IO. */
export function fromFileSystem(error: unknown, file: string): PrsmError {
  if (isPrsmError(error)) return error
  const system = systemCode(error)
  const full = isDiskFull(error)
  const text = full ? 'the disk is full' : 'the file cannot be read or written'
  return new PrsmError(full ? 'STORAGE_FULL' : 'STORAGE_IO', `${file}: ${text} (${system})`, {
    hint: 'look at the disk and at the permissions of the data folder',
    details: { file, system },
    cause: error,
  })
}
