import type { MultibaseDecoder } from 'multiformats/bases/interface'
import { bases } from 'multiformats/basics'
import { CID } from 'multiformats/cid'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { remembered } from '../core/remembered.ts'

const decoders: ReadonlyMap<string, MultibaseDecoder<string>> = new Map(
  Object.values(bases).map((base): [string, MultibaseDecoder<string>] => [
    base.prefix,
    base.decoder,
  ]),
)

/**
 * Parses a CID of any version in any base of the multibase table that multiformats knows. Throws
 * INVALID_CID. Bounded in length: a large number takes time to read in base58.
 */
export const parseAnyCid = remembered(parse, limits.gatewayTypes)

function parse(text: string): CID {
  try {
    if (text.length <= limits.maxCidChars) return CID.parse(text, decoderOf(text))
  } catch (cause) {
    throw invalid(text, cause)
  }
  throw invalid(text)
}

/** Undefined for version 0 and for the bases that multiformats tells by itself. */
function decoderOf(text: string): MultibaseDecoder<string> | undefined {
  if (/^[Qbzk]/.test(text)) return undefined
  // One of them is no single UTF-16 unit.
  const [prefix = ''] = text
  return decoders.get(prefix)
}

function invalid(text: string, cause?: unknown): PrsmError {
  const shown = JSON.stringify(text.slice(0, 120))
  return new PrsmError(
    'INVALID_CID',
    text === '' ? 'the path names no CID' : `not a CID: ${shown}`,
    {
      cause,
      hint: 'ask for /ipfs/CID or /ipfs/CID/path; a CID looks like bafkrei… or Qm…',
    },
  )
}
