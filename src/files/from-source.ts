import { isAbort, isPrsmError, PrsmError } from '../core/errors.ts'

/**
 * The items of a source somebody else made. What it throws is UPLOAD_INCOMPLETE with that as its
 * cause, so that it is not taken for a fault of ours; our own errors and aborts pass as they are.
 */
export async function* fromSource<T>(source: AsyncIterable<T>): AsyncGenerator<T, void, void> {
  try {
    yield* source
  } catch (cause) {
    if (isPrsmError(cause) || isAbort(cause)) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PrsmError('UPLOAD_INCOMPLETE', `the content could not be read: ${reason}`, {
      cause,
      hint: 'the source of the upload failed, not the node; nothing was stored under a name',
    })
  }
}
