import type { SignalOptions } from './signal.ts'

/** `recursive` keeps a DAG, `direct` the one block. */
export type PinMode = 'recursive' | 'direct'

/** What keeps content from being collected. An upload has one of its own, unless it was told otherwise. */
export type Pin = {
  readonly cid: string
  readonly mode: PinMode
  /** Empty when it has none. */
  readonly name: string
  readonly metadata: Readonly<Record<string, string>>
  /** ISO 8601 in UTC, as `expiresAt`: from then on it keeps nothing. */
  readonly createdAt: string
  readonly expiresAt?: string
}

/** What is told while content is being pinned. */
export type PinProgress = {
  /** Blocks of the DAG that are here by now, and those of them that were fetched. */
  readonly blocks: number
  readonly fetchedBlocks: number
  readonly fetchedBytes: number
  readonly elapsedMs: number
  /** Nothing has come for a while: what is waited for, and of whom. */
  readonly stalled?: {
    readonly cid: string
    readonly forMs: number
    readonly waitingFor: readonly string[]
  }
}

/** A pin that is there keeps what is not given. */
export type PinDetails = {
  /** At most 255 UTF-8 bytes. */
  readonly name?: string
  /** At most 64 entries, 4 KiB as JSON. */
  readonly metadata?: Readonly<Record<string, string>>
  /** A time to come; null: never. */
  readonly expiresAt?: string | Date | null
}

export type PinOptions = SignalOptions &
  PinDetails & {
    /** Default `recursive`. One that is there recursively stays so. */
    readonly mode?: PinMode
    /** Ask no peer: what is not here is CONTENT_NOT_FOUND. */
    readonly offline?: boolean
    readonly onProgress?: (progress: PinProgress) => void
  }

export type PinResult = Pin & {
  /** False when it was pinned before. */
  readonly created: boolean
  readonly blocks: number
  readonly fetchedBlocks: number
  readonly fetchedBytes: number
  readonly durationMs: number
}

/** Which pins, in the order of their CIDs. */
export type PinFilter = SignalOptions & {
  readonly mode?: PinMode
  /** Those that have this in their names. */
  readonly name?: string
  readonly cid?: string
}

/** A page: `next` goes into `after` to get the following one. */
export type PinPageOptions = PinFilter & { readonly limit?: number; readonly after?: string }

export type PinPage = { readonly pins: readonly Pin[]; readonly next?: string }

export type PinUpdateOptions = Omit<PinOptions, 'mode'> & {
  /** False keeps the pin that is replaced. Default true. */
  readonly unpin?: boolean
}

/** Whether all that a pin keeps is here. */
export type PinCheck = {
  readonly cid: string
  readonly mode: PinMode
  readonly complete: boolean
  readonly blocks: number
  /** The first blocks that are missing or damaged, at most ten. */
  readonly missing: readonly string[]
}

export type VerifyPinsOptions = PinFilter & {
  /** Reads and hashes every block; without it the index is asked. */
  readonly read?: boolean
}

export type CollectOptions = SignalOptions & {
  /** Counts what would go, and takes nothing. */
  readonly dryRun?: boolean
  /** Bytes: ends when so many are free. Default: takes all that nothing keeps. */
  readonly free?: number
}

export type CollectionResult = {
  readonly dryRun: boolean
  /** Blocks taken, and their bytes together. */
  readonly blocks: number
  readonly bytes: number
  readonly expiredPins: number
  readonly durationMs: number
}
