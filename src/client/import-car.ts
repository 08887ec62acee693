import { CAR, importResult } from '../api/schemas.ts'
import { abortable } from '../core/abortable.ts'
import type { ImportResult } from '../core/content.ts'
import { ProgressMeter } from '../core/progress-meter.ts'
import type { CarSource, ImportOptions } from '../core/storage.ts'
import { openFileSource } from '../files/source.ts'
import type { Api } from './api.ts'
import { counted, lengthHeader } from './upload.ts'

/** Sends a CAR to the daemon. */
export async function importCar(
  api: Api,
  source: CarSource,
  { pin = true, onProgress, signal }: ImportOptions = {},
): Promise<ImportResult> {
  const { bytesTotal, content } = await openFileSource(source)
  const meter = new ProgressMeter(onProgress, bytesTotal)
  // The daemon may answer before it has all: then nobody asks the source for the rest.
  const answered = new AbortController()
  try {
    const result = await api.json(importResult, {
      method: 'POST',
      path: '/dag/import',
      query: { pin: String(pin) },
      headers: { 'content-type': CAR, ...lengthHeader(bytesTotal) },
      body: abortable(counted(content, meter), answered.signal),
      signal,
      inLine: true,
    })
    meter.finish()
    return result
  } finally {
    answered.abort()
  }
}
