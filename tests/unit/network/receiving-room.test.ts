import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { limits } from '../../../src/core/limits.ts'
import { type Coming, ReceivingRoom } from '../../../src/network/receiving-room.ts'

const MIB = 1024 ** 2
const PEER = limits.peerReceivingBytes
const perPeer = PEER / (4 * MIB)

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

type Message = Coming & { readonly state: () => string; readonly why: () => string | undefined }

/** A message of `peer` that wants to come. */
function message(room: ReceivingRoom, peer: string, bytes = 4 * MIB): Message {
  let state = 'waits'
  let why: string | undefined
  const coming: Message = {
    peer,
    bytes,
    enter: () => {
      state = 'comes'
    },
    giveUp: (reason) => {
      state = 'given up'
      why = reason.message
    },
    state: () => state,
    why: () => why,
  }
  room.add(coming)
  return coming
}

const messages = (room: ReceivingRoom, peer: string, count: number): Message[] =>
  Array.from({ length: count }, () => message(room, peer))

const states = (list: readonly Message[]): string[] => list.map(({ state }) => state())

const count = (list: readonly Message[], state: string): number =>
  states(list).filter((one) => one === state).length

test('a peer has its share at a time; the next come in as the others are whole, in their order', () => {
  const room = new ReceivingRoom()
  const all = messages(room, 'a', perPeer + 2)
  expect(count(all, 'comes')).toBe(perPeer)
  for (const one of all.slice(0, 2)) room.remove(one)
  expect(states(all.slice(perPeer))).toEqual(['comes', 'comes'])
})

test('a small message does not pass a large one of the same peer that waits', () => {
  const room = new ReceivingRoom()
  messages(room, 'a', perPeer)
  const large = message(room, 'a')
  const small = message(room, 'a', 10)
  expect(states([large, small])).toEqual(['waits', 'waits'])
})

test('one that waits for its own peer keeps nobody else waiting', () => {
  const room = new ReceivingRoom()
  messages(room, 'a', perPeer + 1)
  expect(message(room, 'b').state()).toBe('comes')
})

test('a message as large as all may be comes when nothing else does', () => {
  const room = new ReceivingRoom()
  expect(message(room, 'a', limits.receivingBytes + 1).state()).toBe('comes')
  expect(message(room, 'b').state()).toBe('waits')
})

test('what moves is left alone, what stands still gives way to who waits', () => {
  const room = new ReceivingRoom()
  const [moving, ...still] = messages(room, 'a', perPeer)
  const late = message(room, 'a')
  for (let second = 0; second < 7; second += 1) {
    vi.advanceTimersByTime(1000)
    if (moving !== undefined) room.moved(moving)
  }
  expect(moving?.state()).toBe('comes')
  expect(new Set(states(still))).toEqual(new Set(['given up']))
  expect(late.state()).toBe('comes')
})

test('nobody waits: what stands still has its two minutes', () => {
  const room = new ReceivingRoom()
  const only = message(room, 'a')
  vi.advanceTimersByTime(119_000)
  expect(only.state()).toBe('comes')
  vi.advanceTimersByTime(3000)
  expect(only.why()).toBe('a message took too long')
})

test('peers that drip byte by byte and fill the room of all: who has most makes room', () => {
  const room = new ReceivingRoom()
  const dripping = ['a', 'b', 'c', 'd'].flatMap((peer) => messages(room, peer, perPeer))
  const honest = message(room, 'e')
  expect(honest.state()).toBe('waits')
  for (let second = 0; second < 8; second += 1) {
    vi.advanceTimersByTime(1000)
    for (const one of dripping) room.moved(one)
  }
  expect(honest.state()).toBe('comes')
  expect(count(dripping, 'given up')).toBeGreaterThan(0)
  expect(count(dripping, 'given up')).toBeLessThanOrEqual(3)
})

test('of a peer so many wait, and no more: the last is turned away', () => {
  const room = new ReceivingRoom()
  const all = messages(room, 'a', perPeer + limits.maxPeerWaiting + 1)
  expect(count(all, 'waits')).toBe(limits.maxPeerWaiting)
  expect(all.at(-1)?.why()).toBe('too many messages wait')
})

test('of all so many wait, and no more: the peer with most loses one', () => {
  const room = new ReceivingRoom()
  const peers = Math.ceil(limits.maxWaiting / (limits.maxPeerWaiting - 1))
  const crowd = Array.from({ length: peers }, (_, at) =>
    messages(room, `${at}`, perPeer + limits.maxPeerWaiting - 1),
  ).flat()
  const before = count(crowd, 'given up')
  const honest = messages(room, 'honest', 5)
  expect(count(honest, 'waits')).toBe(5)
  expect(count([...crowd, ...honest], 'waits')).toBe(limits.maxWaiting)
  expect(count(crowd, 'given up')).toBe(before + 5)
})

test('who waited and left gets nothing, and leaves nothing behind', () => {
  const room = new ReceivingRoom()
  const all = messages(room, 'a', perPeer + 1)
  const last = all[perPeer]
  if (last !== undefined) room.remove(last)
  for (const one of all.slice(0, perPeer)) room.remove(one)
  expect(last?.state()).toBe('waits')
  expect(vi.getTimerCount()).toBe(0)
  expect(count(messages(room, 'a', perPeer), 'comes')).toBe(perPeer)
})
