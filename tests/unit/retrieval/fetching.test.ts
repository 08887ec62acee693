import { setImmediate as turn } from 'node:timers/promises'
import fc from 'fast-check'
import { CID } from 'multiformats/cid'
import { create as createDigest } from 'multiformats/hashes/digest'
import { describe, expect, it } from 'vitest'
import { RAW } from '../../../src/core/cid.ts'
import { PrsmError } from '../../../src/core/errors.ts'
import { limits } from '../../../src/core/limits.ts'
import { codeOf, failureOf } from '../../support/failure.ts'
import { refuseUnhandledRejections } from '../unixfs/unhandled.ts'
import { counted, openRetrieval, putAll, someBlock } from './open-retrieval.ts'
import { having, nobodyHasIt, ScriptedFetcher } from './scripted-fetcher.ts'

refuseUnhandledRejections()

/** Readers of one block who come and go, and how often it has to be asked for. */
class Waiters {
  readonly here = new Map<number, { abort: AbortController; got: Promise<unknown> }>()
  questions = 0
  readonly #get: (signal: AbortSignal) => Promise<unknown>

  constructor(get: (signal: AbortSignal) => Promise<unknown>) {
    this.#get = get
  }

  async join(name: number): Promise<void> {
    if (this.here.has(name)) return
    if (this.here.size === 0) this.questions += 1
    const abort = new AbortController()
    const got = this.#get(abort.signal)
    got.catch(() => {})
    this.here.set(name, { abort, got })
    await turn()
  }

  async leave(name: number): Promise<void> {
    const waiter = this.here.get(name)
    if (waiter === undefined) return
    waiter.abort.abort()
    expect(await codeOf(waiter.got)).toBe('CANCELLED')
    this.here.delete(name)
  }
}

/** Answers the open question, and looks at what each who still waits gets. */
async function settle(
  { here }: Waiters,
  { fetcher, bytes }: { fetcher: ScriptedFetcher; bytes?: Uint8Array },
): Promise<void> {
  if (here.size === 0) return
  if (bytes === undefined) fetcher.question().fail(nobodyHasIt([]))
  else fetcher.question().answer(bytes)
  for (const { got } of here.values()) {
    const end = bytes === undefined ? codeOf(got) : got
    expect(await end).toEqual(bytes ?? 'CONTENT_NOT_FOUND')
  }
}

describe('a block that is not here', () => {
  it('comes from a fetcher, is verified, counted and in memory for the next', async () => {
    const [cid, bytes] = someBlock()
    const fetcher = having([cid, bytes])
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    expect(await session.get(cid)).toEqual(bytes)
    expect(await session.get(cid)).toEqual(bytes)
    expect(fetcher.questions).toHaveLength(1)
    const peers = { source: 'peers' }
    expect(await counted(open.metrics.fetchedBlocks, peers)).toBe(1)
    expect(await counted(open.metrics.fetchedBytes, peers)).toBe(1000)
    expect(await counted(open.metrics.fetchSeconds, { source: 'peers', le: '+Inf' })).toBe(1)
    expect(await counted(open.metrics.fetchFailures)).toBe(0)
  })

  it('is fetched whole for a part or its size, once for all', async () => {
    const [cid, bytes] = someBlock()
    const fetcher = having([cid, bytes])
    for (const init of [
      { keep: 'cache' },
      { keep: 'none' },
      { keep: 'none', cacheBytes: 0 },
    ] as const) {
      fetcher.questions.length = 0
      await using open = await openRetrieval({ fetchers: [fetcher], ...init })
      await using session = open.retrieval.session()
      expect(await session.size(cid)).toBe(1000)
      expect(await session.getPart(cid, { offset: 5, length: 5 })).toEqual(bytes.subarray(5, 10))
      const buffer = Buffer.alloc(1000)
      expect(await session.get(cid, { allocate: () => buffer })).toBe(buffer)
      expect(buffer.equals(bytes)).toBe(true)
      expect(await codeOf(session.getPart(cid, { offset: 999, length: 2 }))).toBe('INVALID_RANGE')
      expect(fetcher.questions).toHaveLength(1)
    }
  })

  it('is not kept in memory when all who wait for it read passing', async () => {
    const [[one, oneBytes], [two, twoBytes]] = [someBlock(), someBlock()]
    const fetcher = having([one, oneBytes], [two, twoBytes])
    await using open = await openRetrieval({ fetchers: [fetcher], keep: 'none' })
    await using session = open.retrieval.session()
    await Promise.all([
      session.get(one, { passing: true }),
      session.get(two, { passing: true }),
      session.get(two),
    ])
    expect(fetcher.questions).toHaveLength(2)
    await session.get(two, { passing: true })
    expect(fetcher.questions).toHaveLength(2)
    await session.get(one, { passing: true })
    expect(fetcher.questions).toHaveLength(3)
  })

  it('is one that came meanwhile by another way, when it is here', async () => {
    const [cid, bytes] = someBlock()
    const fetcher = having()
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    expect(await codeOf(session.get(cid))).toBe('CONTENT_NOT_FOUND')
    await putAll(open.store, [cid, bytes])
    expect(await session.get(cid)).toEqual(bytes)
  })

  it('cannot be asked for by a hash that cannot be checked', async () => {
    const fetcher = new ScriptedFetcher()
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const cid = CID.createV1(RAW, createDigest(0x1e, new Uint8Array(32)))
    expect(await codeOf(session.get(cid))).toBe('UNSUPPORTED_CODEC')
    expect(fetcher.questions).toEqual([])
  })
})

describe('one question for many who wait', () => {
  it('answers all of them, each in the memory he asked for', async () => {
    const [cid, bytes] = someBlock()
    const fetcher = new ScriptedFetcher()
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using one = open.retrieval.session()
    await using other = open.retrieval.session()
    const buffer = Buffer.alloc(1000)
    const waiting = [
      one.get(cid),
      other.get(cid),
      other.get(cid, { allocate: () => buffer }),
      one.size(cid),
    ]
    await turn()
    fetcher.question().answer(bytes)
    const [first, second, third, size] = await Promise.all(waiting)
    expect(first).toEqual(bytes)
    expect(second).toBe(first)
    expect(third).toBe(buffer)
    expect(size).toBe(1000)
    expect(fetcher.questions).toHaveLength(1)
  })

  it('goes on until the last of them has left, and is then withdrawn', async () => {
    const step = fc.record({ name: fc.nat(4), leaves: fc.boolean() })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), fc.boolean(), async (steps, arrives) => {
        const [cid, bytes] = someBlock()
        const fetcher = new ScriptedFetcher()
        await using open = await openRetrieval({ fetchers: [fetcher], keep: 'none' })
        await using session = open.retrieval.session()
        const waiters = new Waiters((signal) => session.get(cid, { signal }))
        for (const { name, leaves } of steps) {
          await (leaves ? waiters.leave(name) : waiters.join(name))
          expect(fetcher.questions).toHaveLength(waiters.questions)
          const asked = fetcher.questions.filter(({ signal }) => !signal.aborted)
          expect(asked).toHaveLength(Math.min(1, waiters.here.size))
        }
        await settle(waiters, arrives ? { fetcher, bytes } : { fetcher })
      }),
      { numRuns: 60 },
    )
  })

  it('tells a waiter who leaves what he was aborted with, and counts a question that was withdrawn', async () => {
    const fetcher = new ScriptedFetcher()
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const abort = new AbortController()
    const got = codeOf(session.get(someBlock()[0], { signal: abort.signal }))
    await turn()
    abort.abort(new PrsmError('NODE_CLOSED', 'closing'))
    expect(await got).toBe('NODE_CLOSED')
    await turn()
    expect(await counted(open.metrics.fetchFailures, { reason: 'cancelled' })).toBe(1)
  })

  it('leaves no listener on the signal of who got his block', async () => {
    const [cid, bytes] = someBlock()
    await using open = await openRetrieval({ fetchers: [having([cid, bytes])], keep: 'none' })
    await using session = open.retrieval.session()
    const { signal } = new AbortController()
    let listening = 0
    const add = signal.addEventListener.bind(signal)
    const remove = signal.removeEventListener.bind(signal)
    signal.addEventListener = (type: string, listener: () => void) => {
      listening += 1
      add(type, listener)
    }
    signal.removeEventListener = (type: string, listener: () => void) => {
      listening -= 1
      remove(type, listener)
    }
    await session.get(cid, { signal })
    await turn()
    expect(listening).toBe(0)
  })

  it('ends with NODE_CLOSED when retrieval is closed, and no other is asked', async () => {
    const fetcher = new ScriptedFetcher()
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const got = codeOf(session.get(someBlock()[0]))
    await turn()
    await open.retrieval[Symbol.asyncDispose]()
    expect(await got).toBe('NODE_CLOSED')
    expect(fetcher.question().signal.aborted).toBe(true)
    expect(await codeOf(session.get(someBlock()[0]))).toBe('NODE_CLOSED')
    expect(fetcher.questions).toHaveLength(1)
  })
})

describe('what comes and is wrong', () => {
  it.each([
    ['other bytes', () => Buffer.from('lies')],
    ['nothing', () => Buffer.alloc(0)],
    ['too many bytes', () => Buffer.alloc(limits.maxBlockBytes + 1)],
  ])('%s: is said to be wrong, and asked for again', async (_what, lie) => {
    const [cid, bytes] = someBlock()
    const fetcher = new ScriptedFetcher(() => (fetcher.questions.length === 1 ? lie() : bytes))
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    expect(await session.get(cid)).toEqual(bytes)
    expect(fetcher.rejected).toEqual([cid.toString()])
    expect(await counted(open.metrics.fetchFailures, { reason: 'corrupt' })).toBe(1)
    expect(await counted(open.metrics.fetchedBlocks)).toBe(1)
  })

  it('a block over the limit is refused even when its hash is right', async () => {
    const [cid, bytes] = someBlock(limits.maxBlockBytes + 1)
    const fetcher = new ScriptedFetcher(() => bytes)
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const error = await failureOf(session.get(cid))
    expect(error.code).toBe('CONTENT_NOT_FOUND')
    expect(error.message).toContain(`sent ${limits.maxWrongBlocks} blocks that are not it`)
    expect(fetcher.questions).toHaveLength(limits.maxWrongBlocks)
    expect(open.store.totals().blocks).toBe(0)
    expect(await counted(open.metrics.fetchFailures, { reason: 'corrupt' })).toBe(
      limits.maxWrongBlocks,
    )
  })
})

describe('what nobody has', () => {
  const answers = [
    { from: 'peer a', answer: 'does not have it' },
    { from: 'peer b', answer: 'does not have it' },
    { from: 'peer c', answer: 'went away' },
    { from: 'peer d', answer: 'does not have it' },
  ]

  it('is an error that says who was asked and what each answered', async () => {
    const fetcher = new ScriptedFetcher(() => Promise.reject(nobodyHasIt(answers)))
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const [cid] = someBlock()
    const error = await failureOf(session.get(cid))
    expect(error.code).toBe('CONTENT_NOT_FOUND')
    expect(error.message).toBe(
      `block ${cid} was not found: peer a: does not have it; peer b: does not have it; peer c: went away; and 1 more`,
    )
    expect(error.details).toEqual({ cid: cid.toString(), answers, asked: 4, unanswered: 0 })
    expect(error.hint).toContain('prsm peer connect')
    expect(await counted(open.metrics.fetchFailures, { reason: 'missing' })).toBe(1)
  })

  it('with nobody to ask, says that', async () => {
    const fetcher = new ScriptedFetcher(() => Promise.reject(nobodyHasIt([])))
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const error = await failureOf(session.get(someBlock()[0]))
    expect(error.message).toContain('there was nobody to ask')
  })

  it('tells no more answers than fit, and believes no shape of them', async () => {
    const many = Array.from({ length: 300 }, (_, index) => ({ from: `${index}`, answer: 'no' }))
    for (const [said, told, asked] of [
      [many, limits.maxToldAnswers, 300],
      ['nonsense', 0, 0],
      [[null, 7, { from: 1, answer: 2 }], 0, 0],
    ] as const) {
      const error = new PrsmError('CONTENT_NOT_FOUND', 'no', { details: { answers: said } })
      const fetcher = new ScriptedFetcher(() => Promise.reject(error))
      await using open = await openRetrieval({ fetchers: [fetcher] })
      await using session = open.retrieval.session()
      const { details } = await failureOf(session.get(someBlock()[0]))
      expect(details['answers']).toHaveLength(told)
      expect(details['asked']).toBe(asked)
    }
  })

  it('is remembered for a short time, until somebody new can be asked', async () => {
    let now = 0
    const fetcher = new ScriptedFetcher(() => Promise.reject(nobodyHasIt(answers)))
    await using open = await openRetrieval({ fetchers: [fetcher], now: () => now })
    await using session = open.retrieval.session()
    const [cid] = someBlock()
    const first = await failureOf(session.get(cid))
    expect(await failureOf(session.get(cid))).toBe(first)
    expect(fetcher.questions).toHaveLength(1)
    open.retrieval.forgetMisses()
    await failureOf(session.get(cid))
    expect(fetcher.questions).toHaveLength(2)
    now += limits.missedMs
    await failureOf(session.get(cid))
    expect(fetcher.questions).toHaveLength(3)
  })

  it('is not remembered when somebody new came while it was asked for', async () => {
    const fetcher = new ScriptedFetcher()
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const [cid, bytes] = someBlock()
    const got = codeOf(session.get(cid))
    await turn()
    open.retrieval.forgetMisses()
    fetcher.question().fail(nobodyHasIt(answers))
    expect(await got).toBe('CONTENT_NOT_FOUND')
    const again = session.get(cid)
    await turn()
    fetcher.question().answer(bytes)
    expect(await again).toEqual(bytes)
  })

  it('a fault of the fetcher is told with its cause, counted as one, and not remembered', async () => {
    const fault = new Error('the stream was reset')
    const fetcher = new ScriptedFetcher(() => Promise.reject(fault))
    await using open = await openRetrieval({ fetchers: [fetcher] })
    await using session = open.retrieval.session()
    const [cid] = someBlock()
    const error = await failureOf(session.get(cid))
    expect(error.code).toBe('CONTENT_NOT_FOUND')
    expect(error.message).toContain('peers: the stream was reset')
    expect(error.cause).toBe(fault)
    expect(await counted(open.metrics.fetchFailures, { reason: 'error' })).toBe(1)
    await failureOf(session.get(cid))
    expect(fetcher.questions).toHaveLength(2)
  })
})

describe('many fetchers', () => {
  it('are all asked, the first right block wins and the others are withdrawn', async () => {
    const [cid, bytes] = someBlock()
    const slow = new ScriptedFetcher(undefined, 'slow')
    const quick = new ScriptedFetcher(() => bytes, 'quick')
    await using open = await openRetrieval({ fetchers: [slow, quick] })
    await using session = open.retrieval.session()
    expect(await session.get(cid)).toEqual(bytes)
    expect(slow.question().signal.aborted).toBe(true)
    expect(await counted(open.metrics.fetchedBlocks, { source: 'quick' })).toBe(1)
  })

  it('fail together, with the answers of all', async () => {
    const one = new ScriptedFetcher(() =>
      Promise.reject(nobodyHasIt([{ from: 'a', answer: 'no' }])),
    )
    const other = new ScriptedFetcher(() => Promise.reject(new Error('down')), 'gateways')
    await using open = await openRetrieval({ fetchers: [one, other] })
    await using session = open.retrieval.session()
    const { details } = await failureOf(session.get(someBlock()[0]))
    expect(details['answers']).toEqual([
      { from: 'a', answer: 'no' },
      { from: 'gateways', answer: 'down' },
    ])
  })
})
