import { PrsmError } from '../core/errors.ts'
import type { CarSource } from '../core/storage.ts'
import { type Content, openSource } from './source.ts'

export type Archive = Extract<Content, { readonly kind: 'file' }>

/** The bytes of an archive, whatever it was given as. Throws NOT_A_FILE for a folder and what `openSource` does. */
export async function openArchive(
  source: CarSource,
  signal: AbortSignal | undefined,
): Promise<Archive> {
  const content = await openSource(source, signal === undefined ? {} : { signal })
  if (content.kind === 'file') return content
  throw new PrsmError('NOT_A_FILE', `${content.name} is a folder`, {
    hint: 'a CAR is one file; a folder is stored with upload() or `prsm add`',
  })
}
