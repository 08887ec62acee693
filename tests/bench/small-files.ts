import { randomFillSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SmallFiles } from './programs/library.ts'

const AT_ONCE = 16

/** Fills a folder with random files. */
export async function writeSmallFiles(
  folder: string,
  { count, bytes }: SmallFiles,
  signal: AbortSignal,
): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => index).values()
  const writeOnAndOn = async (): Promise<void> => {
    for (const number of numbers) {
      const content = randomFillSync(new Uint8Array(bytes))
      await writeFile(join(folder, `file-${number}`), content, { signal })
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, writeOnAndOn))
}
