import type { CID } from 'multiformats/cid'
import type { Answer, BlockFetcher, FetchOptions } from '../../../src/core/block-source.ts'
import { PrsmError } from '../../../src/core/errors.ts'

/** One question that a fetcher was asked, to be answered by the test. */
export type Question = FetchOptions & {
  readonly cid: CID
  readonly answer: (bytes: Uint8Array) => void
  readonly fail: (error: unknown) => void
}

/** Those outside: says what the test tells it to say, and notes what it is told. */
export class ScriptedFetcher implements BlockFetcher {
  readonly name: string
  readonly questions: Question[] = []
  readonly rejected: string[] = []
  waiting: readonly string[] = []
  readonly #reply: ((cid: CID) => Uint8Array | Promise<Uint8Array>) | undefined

  /** Without `reply` a question stays open until the test answers it. */
  constructor(reply?: (cid: CID) => Uint8Array | Promise<Uint8Array>, name = 'peers') {
    this.#reply = reply
    this.name = name
  }

  async fetch(cid: CID, options: FetchOptions): Promise<Uint8Array> {
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>()
    this.questions.push({ ...options, cid, answer: resolve, fail: reject })
    return this.#reply === undefined ? promise : await this.#reply(cid)
  }

  reject(cid: CID): void {
    this.rejected.push(cid.toString())
  }

  waitingFor(): readonly string[] {
    return this.waiting
  }

  question(index = this.questions.length - 1): Question {
    const question = this.questions.at(index)
    if (question === undefined) throw new Error('nothing was asked')
    return question
  }
}

/** What a fetcher says when it is sure that nobody has it. */
export function nobodyHasIt(answers: readonly Answer[]): PrsmError {
  return new PrsmError('CONTENT_NOT_FOUND', 'nobody has it', { details: { answers } })
}

/** Has these blocks, and no others. */
export function having(...blocks: readonly (readonly [CID, Uint8Array])[]): ScriptedFetcher {
  const known = new Map(blocks.map(([cid, bytes]) => [cid.toString(), bytes]))
  return new ScriptedFetcher((cid) => {
    const bytes = known.get(cid.toString())
    if (bytes === undefined) throw nobodyHasIt([{ from: 'a', answer: 'does not have it' }])
    return bytes
  })
}
