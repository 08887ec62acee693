import { isPrsmError, PrsmError } from './errors.ts'

export type SignalOptions = { readonly signal?: AbortSignal }

/** Throws what `cancelled` gives when `signal` is aborted. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal)
}

/** What an aborted signal is told as: the PrsmError it was aborted with, else CANCELLED with the reason as its cause. */
export function cancelled(signal: AbortSignal): PrsmError {
  const reason: unknown = signal.reason
  if (isPrsmError(reason)) return reason
  return new PrsmError('CANCELLED', 'the operation was cancelled', { cause: reason })
}
