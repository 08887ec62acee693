/** The CRC-32 of each so many bytes (`checksums`). */
export type Segments = { readonly segmentBytes: number }

/** What is told of bytes that are read: their SHA-256, or the checksums of their segments. */
export type Sum = 'sha256' | Segments

/** A read: where it goes to, where in the file it begins, and what is told of it. */
export type Reading = {
  readonly buffer: Uint8Array<ArrayBuffer>
  readonly position: number
  readonly sum: Sum
  /** Bytes around those of the buffer that are read and summed up with them, and then dropped. Default 0. */
  readonly before?: number
  readonly after?: number
}

/** Bytes that were read, and the sum as latin1 text, which is compared faster than bytes. */
export type Summed = { readonly bytes: Uint8Array<ArrayBuffer>; readonly sum: string }

/** One open file. Positions and sizes are bytes. Errors are the system's own: the caller translates them. */
export interface OpenFile {
  /** One read; fewer bytes than asked for at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>
  /**
   * Reads and sums up in another thread, fewer bytes than asked for only at the end of the file. What was
   * read comes in the same memory, which is moved: `buffer`, which shares it with nobody, is detached,
   * and may be when the read fails.
   */
  readSummed(reading: Reading): Promise<Summed>
  /** All of `bytes`: a short write is continued. */
  write(bytes: Uint8Array, position: number): Promise<void>
  /** As `write` from the beginning on, in another thread; gives the `checksums` of `bytes`. */
  writeSummed(bytes: Uint8Array, segments: Segments): Promise<Uint8Array>
  datasync(): Promise<void>
  size(): Promise<number>
  close(): Promise<void>
  /**
   * The same of a file that was written and still has its name: a local file system has nothing to do then,
   * which takes less than a way to another thread.
   */
  closeWritten(): Promise<void>
}

/** How a file is opened: read, read and write, create (it must not exist), create or empty. */
export type OpenFlags = 'r' | 'r+' | 'wx' | 'w'

/**
 * The file operations below the store, in one place where they are counted and where a test can make
 * them wait or fail. New files are 0600, new directories 0700.
 */
export interface FilePort extends AsyncDisposable {
  open(path: string, flags: OpenFlags): Promise<OpenFile>
  /** As `OpenFile.readSummed`, of a file that is opened and closed for it, all in the other thread. */
  readSummed(path: string, reading: Reading): Promise<Summed>
  /** Not recursive. True when it was made, false when it was there. */
  mkdir(path: string): Promise<boolean>
  unlink(path: string): Promise<void>
  rename(from: string, to: string): Promise<void>
  /** The names in a directory, in no order. */
  list(path: string): Promise<string[]>
  size(path: string): Promise<number>
  /** Makes the names in a directory durable. */
  syncDirectory(path: string): Promise<void>
  /** Operations begun so far, those of open files included. */
  readonly operations: number
}
