import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { failureOf } from '../../support/failure.ts'
import { counted, openRetrieval, someBlock } from './open-retrieval.ts'
import { nobodyHasIt, ScriptedFetcher } from './scripted-fetcher.ts'

const IDLE_MS = 60_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})

afterEach(() => {
  vi.useRealTimers()
})

it('gives a block up that goes without progress for too long, and says who did not answer', async () => {
  const fetcher = new ScriptedFetcher()
  fetcher.waiting = ['peer a', 'peer b']
  await using open = await openRetrieval({ fetchers: [fetcher], idleMs: IDLE_MS })
  await using session = open.retrieval.session()
  const [cid] = someBlock()
  const failed = failureOf(session.get(cid))
  await vi.advanceTimersByTimeAsync(IDLE_MS - 1)
  expect(fetcher.question().signal.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  const error = await failed
  expect(error.code).toBe('CONTENT_NOT_FOUND')
  expect(error.message).toBe(
    `block ${cid} was not found: peer a: no answer in 60 s; peer b: no answer in 60 s`,
  )
  expect(error.details).toMatchObject({ asked: 2, unanswered: 2 })
  expect(error.hint).toContain('when the peers that did not answer are back')
  expect(fetcher.question().signal.aborted).toBe(true)
  expect(await counted(open.metrics.fetchFailures, { source: 'peers', reason: 'timeout' })).toBe(1)
})

it('asks anew after a time-out: silence is no answer to remember', async () => {
  const fetcher = new ScriptedFetcher()
  fetcher.waiting = ['peer a']
  await using open = await openRetrieval({ fetchers: [fetcher], idleMs: IDLE_MS })
  await using session = open.retrieval.session()
  const [cid, bytes] = someBlock()
  const failed = failureOf(session.get(cid))
  await vi.advanceTimersByTimeAsync(IDLE_MS)
  await failed
  const again = session.get(cid)
  await vi.advanceTimersByTimeAsync(1)
  fetcher.question().answer(bytes)
  expect(await again).toEqual(bytes)
})

it('waits on while a block moves, however long that takes; another one that stands still ends', async () => {
  const fetcher = new ScriptedFetcher()
  await using open = await openRetrieval({ fetchers: [fetcher], idleMs: IDLE_MS, keep: 'none' })
  await using session = open.retrieval.session()
  const [[one, oneBytes], [two, twoBytes]] = [someBlock(), someBlock()]
  const first = session.get(one)
  await vi.advanceTimersByTimeAsync(1)
  const second = failureOf(session.get(two))
  await vi.advanceTimersByTimeAsync(1)
  fetcher.question(1).onProgress()
  for (let minutes = 0; minutes < 10; minutes++) {
    await vi.advanceTimersByTimeAsync(IDLE_MS - 1000)
    fetcher.question(0).onProgress()
    expect(fetcher.question(1).signal.aborted).toBe(minutes > 0)
  }
  expect((await second).code).toBe('CONTENT_NOT_FOUND')
  await vi.advanceTimersByTimeAsync(IDLE_MS - 1000)
  fetcher.question(0).answer(oneBytes)
  expect(await first).toEqual(oneBytes)
  expect(twoBytes).toHaveLength(1000)
})

it('does not take wrong blocks for progress', async () => {
  const fetcher = new ScriptedFetcher()
  await using open = await openRetrieval({ fetchers: [fetcher], idleMs: IDLE_MS })
  await using session = open.retrieval.session()
  const failed = failureOf(session.get(someBlock()[0]))
  for (let wrong = 0; wrong < 3; wrong++) {
    await vi.advanceTimersByTimeAsync(IDLE_MS / 4)
    fetcher.question().answer(Buffer.from('wrong'))
  }
  await vi.advanceTimersByTimeAsync(IDLE_MS / 4)
  expect((await failed).code).toBe('CONTENT_NOT_FOUND')
  expect(fetcher.rejected).toHaveLength(3)
})

it('gives one fetcher up and waits for another, and tells of both', async () => {
  const silent = new ScriptedFetcher(undefined, 'silent')
  silent.waiting = ['peer a']
  const lively = new ScriptedFetcher(undefined, 'lively')
  await using open = await openRetrieval({ fetchers: [silent, lively], idleMs: IDLE_MS })
  await using session = open.retrieval.session()
  const failed = failureOf(session.get(someBlock()[0]))
  await vi.advanceTimersByTimeAsync(IDLE_MS - 1)
  lively.question().onProgress()
  await vi.advanceTimersByTimeAsync(1000)
  expect(silent.question().signal.aborted).toBe(true)
  expect(lively.question().signal.aborted).toBe(false)
  lively.question().fail(nobodyHasIt([{ from: 'peer b', answer: 'no' }]))
  expect((await failed).details).toMatchObject({ asked: 2, unanswered: 1 })
})

it('leaves no timer behind', async () => {
  const [cid, bytes] = someBlock()
  const fetcher = new ScriptedFetcher(() => bytes)
  await using open = await openRetrieval({ fetchers: [fetcher], idleMs: IDLE_MS, keep: 'none' })
  await using session = open.retrieval.session()
  await session.get(cid)
  expect(vi.getTimerCount()).toBe(0)
})

it('waits a time that no timer of Node can wait', async () => {
  const fetcher = new ScriptedFetcher()
  await using open = await openRetrieval({ fetchers: [fetcher], idleMs: 2 ** 33 })
  await using session = open.retrieval.session()
  const failed = failureOf(session.get(someBlock()[0]))
  await vi.advanceTimersByTimeAsync(2 ** 33 - 1)
  expect(fetcher.question().signal.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect((await failed).code).toBe('CONTENT_NOT_FOUND')
})
