import { dirname } from 'node:path'
import type Sqlite from 'better-sqlite3'
import type { FilePort, OpenFile } from '../core/file-port.ts'
import type { Connection } from './connection.ts'
import type { WalState } from './worker-operations.ts'

/** Bytes before each page in a -wal, and before its first frame (SQLite file format, 4.1). */
const FRAME_HEADER_BYTES = 24
const WAL_HEADER_BYTES = 32

/**
 * The -wal file of an open database. We may have it open beside SQLite, which takes no locks on it;
 * closing a descriptor of the database file itself would drop SQLite's.
 */
export class Wal {
  readonly #file: OpenFile
  readonly #noop: Sqlite.Statement<[], { log: number; checkpointed: number }>
  readonly #frameBytes: number
  #last: WalState = { frames: 0, checkpointed: 0 }

  private constructor(file: OpenFile, writer: Connection) {
    this.#file = file
    // NOOP tells where a checkpoint would start and changes nothing (SQLite 3.51; 6 µs).
    this.#noop = writer.prepare('PRAGMA wal_checkpoint(NOOP)')
    const pageBytes = Number(writer.pragma('page_size', { simple: true }))
    this.#frameBytes = pageBytes + FRAME_HEADER_BYTES
  }

  /** SQLite made the file at the latest with the first read of `writer`; its name is durable afterwards. */
  static async open(writer: Connection, files: FilePort): Promise<Wal> {
    const file = await files.open(`${writer.name}-wal`, 'r')
    try {
      await files.syncDirectory(dirname(writer.name))
      await file.datasync()
      return new Wal(file, writer)
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /** As it was when another thread's commit hides it for a moment: SQLite tells -1 then. */
  state(): WalState {
    const { log, checkpointed } = this.#noop.get() ?? { log: -1, checkpointed: -1 }
    if (log >= 0) this.#last = { frames: log, checkpointed: Math.max(checkpointed, 0) }
    return this.#last
  }

  /** Bytes of the frames that count; the file may be longer, from before. */
  bytes(frames = this.state().frames): number {
    return frames === 0 ? 0 : WAL_HEADER_BYTES + frames * this.#frameBytes
  }

  /** True when nothing waits in it. */
  isEmpty(): boolean {
    const { frames, checkpointed } = this.state()
    return frames === checkpointed
  }

  datasync(): Promise<void> {
    return this.#file.datasync()
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}
