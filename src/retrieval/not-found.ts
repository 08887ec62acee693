import type { CID } from 'multiformats/cid'
import type { Answer } from '../core/block-source.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'

/** Why one of those who may have blocks did not give this one, as it stands in the metrics. */
export type RefusalReason = 'missing' | 'timeout' | 'corrupt' | 'error'

/** How the asking of one fetcher ended without the block. */
export type Refusal = {
  readonly reason: RefusalReason
  /** What each of those it asked said, also those who said nothing. */
  readonly answers: readonly Answer[]
  /** How many of `answers` are nobody's: who was asked did not answer. */
  readonly unanswered: number
  readonly cause?: unknown
}

/** Answers that a message quotes. */
const QUOTED = 3

/** Nobody gave the block: who was asked, and what each of them answered. */
export function notFound(cid: CID, refusals: readonly Refusal[]): PrsmError {
  const answers = refusals.flatMap((refusal) => refusal.answers)
  const unanswered = refusals.reduce((sum, refusal) => sum + refusal.unanswered, 0)
  return new PrsmError('CONTENT_NOT_FOUND', `block ${cid} was not found: ${told(answers)}`, {
    cause: refusals.find(({ cause }) => cause !== undefined)?.cause,
    hint: hintFor(answers.length, unanswered),
    details: {
      cid: cid.toString(),
      answers: answers.slice(0, limits.maxToldAnswers),
      asked: answers.length,
      unanswered,
    },
  })
}

function told(answers: readonly Answer[]): string {
  if (answers.length === 0) return 'there was nobody to ask'
  const quoted = answers.slice(0, QUOTED).map(({ from, answer }) => `${from}: ${answer}`)
  const more = answers.length - quoted.length
  return more > 0 ? `${quoted.join('; ')}; and ${more} more` : quoted.join('; ')
}

function hintFor(asked: number, unanswered: number): string {
  if (asked === 0) return 'connect to a peer that has it: prsm peer connect ADDRESS'
  return unanswered > 0
    ? 'try again when the peers that did not answer are back, or connect to one that has it'
    : 'connect to a peer that has it: prsm peer connect ADDRESS'
}

/** The block is not here, and nobody else was to be asked. */
export function notAsked(cid: CID, offline: boolean): PrsmError {
  return new PrsmError('CONTENT_NOT_FOUND', `block ${cid} is not stored here; nobody was asked`, {
    hint: offline
      ? 'this was an offline request: ask again without --offline (offline: true)'
      : 'the network of this node is off: PRSM_NETWORK=on, in a library network: "on", asks peers',
    details: { cid: cid.toString() },
  })
}
