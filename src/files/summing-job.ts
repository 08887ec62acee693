/**
 * A read into memory that is moved here and back, or a write of bytes that are copied or shared. Flat:
 * what is nested takes longer on its way.
 */
export type Job = {
  readonly id: number
  readonly kind: 'read' | 'write'
  /** Its descriptor, or the path of a file that is opened to be read. */
  readonly file: number | string
  readonly position: number
  readonly bytes: Uint8Array
  /** Of the segments whose checksums are wanted; 0: the SHA-256 is. */
  readonly segmentBytes: number
  /** Bytes around those of a read that are summed up, too. */
  readonly before: number
  readonly after: number
}

/** `bytes`: what was read. A failure is the system's, as far as it can be told. */
export type Reply = { readonly id: number } & (
  | { readonly bytes: Uint8Array<ArrayBuffer> | undefined; readonly sum: string }
  | { readonly failure: { readonly code: string | undefined; readonly message: string } }
)

/**
 * Bytes of jobs after which a message is sent in either direction, whatever else is to be done: the other
 * side has something to do then, while this one goes on.
 */
export const MESSAGE_BYTES = 256 * 1024
