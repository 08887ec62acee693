import { type ErrorCode, isAbort, isPrsmError, PrsmError, systemCode } from '../core/errors.ts'

/** What was being done to the file, which decides between FILE_UNREADABLE and FILE_UNWRITABLE. */
export type FileDeed = 'read' | 'write'

type Meaning = { readonly code: ErrorCode; readonly says: string }

const shared: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: 'FILE_NOT_FOUND', says: 'does not exist' },
  ENOTDIR: { code: 'FILE_NOT_FOUND', says: 'does not exist: a part of the path is not a folder' },
  ELOOP: { code: 'UNSUPPORTED_ENTRY', says: 'is a symbolic link, or leads round in a circle' },
  ENXIO: { code: 'UNSUPPORTED_ENTRY', says: 'is not a regular file' },
  ENOSPC: { code: 'STORAGE_FULL', says: 'cannot be written: the disk is full' },
  EDQUOT: { code: 'STORAGE_FULL', says: 'cannot be written: your disk quota is used up' },
}

const reading: Readonly<Record<string, Meaning>> = {
  ...shared,
  EACCES: { code: 'FILE_UNREADABLE', says: 'cannot be read: permission denied' },
  EPERM: { code: 'FILE_UNREADABLE', says: 'cannot be read: not permitted' },
  EISDIR: { code: 'NOT_A_FILE', says: 'is a folder' },
  ENAMETOOLONG: { code: 'UNSUPPORTED_ENTRY', says: 'has too long a path' },
}

const writing: Readonly<Record<string, Meaning>> = {
  ...shared,
  EACCES: { code: 'FILE_UNWRITABLE', says: 'cannot be written: permission denied' },
  EPERM: { code: 'FILE_UNWRITABLE', says: 'cannot be written: not permitted' },
  EROFS: { code: 'FILE_UNWRITABLE', says: 'cannot be written: the file system is read-only' },
  EEXIST: { code: 'FILE_UNWRITABLE', says: 'exists already and is not replaced' },
  ENOTEMPTY: { code: 'FILE_UNWRITABLE', says: 'exists already and is not replaced' },
  EISDIR: { code: 'FILE_UNWRITABLE', says: 'exists already and is not replaced' },
  ENAMETOOLONG: { code: 'FILE_UNWRITABLE', says: 'has too long a name' },
  EFBIG: { code: 'FILE_UNWRITABLE', says: 'is larger than the file system takes' },
}

const hints: Partial<Record<ErrorCode, string>> = {
  FILE_NOT_FOUND: 'check the path',
  FILE_UNREADABLE: 'check who may read it (ls -l)',
  FILE_UNWRITABLE: 'name another place, or move away what is there',
  STORAGE_FULL: 'free some space, or name a place on another disk',
}

/** A system error about `path` as an error of ours that names it; errors of ours pass as they are. */
export function fileError(error: unknown, path: string, deed: FileDeed): Error {
  if (isPrsmError(error) || isAbort(error)) return error as Error
  const system = systemCode(error)
  if (system === undefined) return error instanceof Error ? error : new Error(String(error))
  const meaning = (deed === 'read' ? reading : writing)[system] ?? {
    code: 'STORAGE_IO' as const,
    says: `cannot be ${deed === 'read' ? 'read' : 'written'}: ${system}`,
  }
  const hint = hints[meaning.code]
  return new PrsmError(meaning.code, `${path} ${meaning.says}`, {
    details: { path, system },
    cause: error,
    ...(hint === undefined ? {} : { hint }),
  })
}
