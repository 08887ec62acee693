import { createReadStream } from 'node:fs'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { fileError } from '../files/file-error.ts'

const STDIN = '-'
/** Characters of a line: a CID with the longest path, and the spaces around it. */
const MAX_LINE = limits.maxCidChars + 2 * limits.maxPathBytes

/**
 * What a text file names, one a line, as it is read; `-` is stdin. Empty lines and those that start
 * with `#` say nothing. Throws FILE_NOT_FOUND, FILE_UNREADABLE, INVALID_INPUT for a line without end.
 */
export async function* contentLines(path: string): AsyncGenerator<string> {
  const input: AsyncIterable<Uint8Array> = path === STDIN ? process.stdin : createReadStream(path)
  try {
    for await (const line of lines(input, path)) {
      const content = line.trim()
      if (content !== '' && !content.startsWith('#')) yield content
    }
  } catch (error) {
    throw fileError(error, path, 'read')
  }
}

async function* lines(input: AsyncIterable<Uint8Array>, path: string): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of input) {
    const found = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = found.pop() ?? ''
    if (rest.length > MAX_LINE) throw tooLong(path)
    yield* found
  }
  yield rest
}

function tooLong(path: string): PrsmError {
  return new PrsmError('INVALID_INPUT', `${path} has a line of more than ${MAX_LINE} characters`, {
    hint: 'it is a text file with one CID a line',
  })
}
