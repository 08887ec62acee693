import type { Bench } from '../bench.ts'
import { type Callers, callers, type UploadSize, uploadSizes } from '../catalogue.ts'
import type { Program } from '../program.ts'
import type { LibraryMethods } from '../programs/library.ts'
import { startLibrary } from './library.ts'

const WARM_UP_MS = 300
const FOR_MS = 3000
/** After that no more are begun: 300 of the largest. */
const MOST_BYTES = 300_000_000

/** Uploads by more and more callers at once, small ones to large ones. */
export async function concurrency(bench: Bench): Promise<void> {
  for (const atOnce of callers) {
    await using folder = await bench.work.folder('concurrency')
    await using program = await startLibrary(folder.path, bench, { concurrency: atOnce })
    for (const size of Object.keys(uploadSizes) as UploadSize[]) {
      await upload(bench, program, { atOnce, size })
    }
  }
}

async function upload(
  { figures, round, work, timeoutMs }: Bench,
  program: Program<LibraryMethods>,
  { atOnce, size }: { readonly atOnce: Callers; readonly size: UploadSize },
): Promise<void> {
  const bytes = uploadSizes[size]
  const asked = { connections: atOnce, bytes, atMost: Math.floor(MOST_BYTES / bytes) }
  await program.call('uploadOnAndOn', { ...asked, forMs: WARM_UP_MS }, timeoutMs)
  await work.settle()
  const { count, ms, p50Ms } = await program.call(
    'uploadOnAndOn',
    { ...asked, forMs: FOR_MS },
    FOR_MS + timeoutMs,
  )
  figures.add(`concurrency.${size}-${atOnce}`, round, (count * 1000) / ms)
  figures.add(`concurrency.${size}-${atOnce}-p50`, round, p50Ms)
}
