/** What is told while bytes move. `bytesTotal`, `percent` and `remainingMs` only where the size is known. */
export type Progress = {
  readonly bytesDone: number
  readonly bytesTotal?: number
  /** 0 to 100. */
  readonly percent?: number
  readonly elapsedMs: number
  readonly remainingMs?: number
}

export type OnProgress = (progress: Progress) => void

/**
 * One thing in a folder, in the order of a walk. `path` is relative to the folder's root, its names
 * joined by `/`, without `.`, `..` or an empty name. The content of a file is consumed before the
 * next entry is asked for, or not at all.
 */
export type FolderEntry =
  | { readonly kind: 'directory'; readonly path: string }
  | {
      readonly kind: 'file'
      readonly path: string
      readonly size: number
      readonly content: AsyncIterable<Uint8Array>
    }

/** A symbolic link: a relative path that does not lead out of the folder. */
export type SymlinkEntry = {
  readonly kind: 'symlink'
  readonly path: string
  readonly target: string
}

/** What an archive has: entries of a folder, and symbolic links in it. */
export type ArchiveEntry = FolderEntry | SymlinkEntry

export type UploadResult = {
  readonly cid: string
  /** Bytes of the file, or of all files of the folder together. */
  readonly bytes: number
  /** Hex. Of the file's bytes; of a folder: of its manifest (see `manifest.ts`). */
  readonly sha256: string
  readonly filename: string
  readonly contentType: string
  /** True when it is kept from collection. */
  readonly pinned: boolean
  /** False when this caller had stored the same content under the same name before. */
  readonly created: boolean
  /** Bytes of blocks that had to be stored, and of those that were there. */
  readonly newBytes: number
  readonly reusedBytes: number
  readonly durationMs: number
}

/** One row of the list of uploads. `createdAt` is ISO 8601 in UTC. */
export type UploadRecord = {
  readonly id: number
  readonly cid: string
  readonly bytes: number
  readonly sha256: string
  readonly filename: string
  readonly contentType: string
  /** True while it is kept from collection. */
  readonly pinned: boolean
  readonly createdAt: string
}

/** A page of uploads, newest first; `next` goes into `before` to get the following page. */
export type UploadPage = { readonly uploads: readonly UploadRecord[]; readonly next?: number }

export type ListOptions = { readonly limit?: number; readonly before?: number }

/** What a CID (with a path) is. `bytes` of a directory is the sum its DAG declares (Tsize). */
export type ContentStat = {
  readonly cid: string
  readonly kind: 'file' | 'directory'
  /** Content bytes of a file; of a directory the cumulative size of its DAG. */
  readonly bytes: number
  /** Children of the root block: chunks of a file, entries or shards of a directory. */
  readonly links: number
  readonly codec: 'raw' | 'dag-pb'
  readonly sharded: boolean
}

export type DirectoryEntry = {
  readonly name: string
  readonly cid: string
  readonly kind: 'file' | 'directory' | 'symlink'
  /** Content bytes of a file; of a directory the cumulative size of its DAG. */
  readonly bytes: number
}

export type NodeStatus = {
  readonly version: string
  readonly dataDir: string | null
  readonly startedAt: string
  readonly uptimeSeconds: number
  readonly blocks: number
  /** Bytes of the blocks stored. */
  readonly blockBytes: number
  readonly uploads: number
  /** Bytes of the files uploaded, each counted as often as it was uploaded. */
  readonly uploadBytes: number
}

/** What the store takes, and what it spares. Bytes. */
export type RepoStat = {
  /** Of the files uploaded, each counted as often as it was uploaded. */
  readonly logicalBytes: number
  readonly blocks: number
  /** Of all blocks, each once. */
  readonly storedBytes: number
  /** What is not stored twice: `logicalBytes` less `storedBytes`, where it is more. */
  readonly savedBytes: number
  /** What the data folder takes on the disk: files of blocks, databases, their logs; 0 in memory. */
  readonly physicalBytes: number
  /** Promised to uploads under way. */
  readonly reservedBytes: number
  /** What it may take; null: no limit but the disk. */
  readonly maxBytes: number | null
}

/** One root of an imported CAR. */
export type ImportedRoot = {
  readonly cid: string
  /** True when all blocks below it are stored here. */
  readonly complete: boolean
  /** True when it is kept from collection now. */
  readonly pinned: boolean
  /** The first blocks found missing, at most ten; empty when complete. */
  readonly missing: readonly string[]
}

export type ImportResult = {
  readonly roots: readonly ImportedRoot[]
  /** Blocks in the archive, one that stands twice counted twice; and their bytes. */
  readonly blocks: number
  readonly bytes: number
  /** Bytes of blocks that had to be stored, and of those that were there. */
  readonly newBytes: number
  readonly reusedBytes: number
  readonly durationMs: number
}
