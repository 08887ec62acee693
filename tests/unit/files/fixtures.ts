import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import type { FolderEntry } from '../../../src/core/content.ts'
import type { ErrorCode } from '../../../src/core/errors.ts'

export const run = promisify(execFile)

/** A folder of its own, removed at the end of the scope. */
export async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'prsm-files-'))
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  }
}

export async function* stream(...pieces: (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    await Promise.resolve()
    yield typeof piece === 'string' ? Buffer.from(piece) : piece
  }
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

export async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  return Buffer.concat(await all(content))
}

/** Entries as plain values: a folder is null, a file its text. */
export async function plain(
  entries: AsyncIterable<FolderEntry>,
): Promise<[string, string | null][]> {
  const seen: [string, string | null][] = []
  for await (const entry of entries) {
    const text = entry.kind === 'file' ? (await collect(entry.content)).toString('latin1') : null
    seen.push([entry.path, text])
  }
  return seen
}

export function file(path: string, content: string | Uint8Array): FolderEntry {
  return { kind: 'file', path, size: Buffer.byteLength(content), content: stream(content) }
}

export function folder(path: string): FolderEntry {
  return { kind: 'directory', path }
}

export async function* entriesOf(...entries: FolderEntry[]): AsyncGenerator<FolderEntry> {
  for (const entry of entries) {
    await Promise.resolve()
    yield entry
  }
}

export async function expectCode(work: Promise<unknown>, code: ErrorCode, says?: string) {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toMatchObject({ name: 'PrsmError', code })
  if (says !== undefined) expect((error as Error).message).toContain(says)
}

/**
 * Runs `work` as a user whom permissions hold: the tests may run as root, whom they do not. Possible in
 * a process of its own only, which a vitest worker is.
 */
export async function unprivileged<T>(work: () => Promise<T>): Promise<T> {
  if (process.geteuid?.() !== 0) return await work()
  process.seteuid?.(65_534)
  try {
    return await work()
  } finally {
    process.seteuid?.(0)
  }
}
