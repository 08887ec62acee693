import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  displayWidth,
  formatBytes,
  formatDuration,
  formatName,
  formatRate,
  formatTable,
} from '../../src/cli/display.ts'
import { exitCodeOf, exitCodes } from '../../src/cli/exit-codes.ts'
import { pinForm } from '../../src/cli/pin-line.ts'
import { progressLine, progressText } from '../../src/cli/progress-line.ts'

test('sizes, rates and durations as people read them', () => {
  expect(
    [0, 1, 999, 1000, 999_499, 1_073_741_824, 10_000_000, 315e6, 4e12].map(formatBytes),
  ).toEqual(['0 B', '1 B', '999 B', '1.00 kB', '999 kB', '1.07 GB', '10.0 MB', '315 MB', '4.00 TB'])
  expect(formatRate(530e6, 1000)).toBe('530 MB/s')
  expect(formatRate(1e6, 1000)).toBe('1.0 MB/s')
  expect(formatRate(0, 0)).toBe('0.0 MB/s')
  expect([0, 12, 999, 1000, 9999, 59_400, 200_000, 7_500_000].map(formatDuration)).toEqual([
    '0 ms',
    '12 ms',
    '999 ms',
    '1.0 s',
    '10.0 s',
    '59 s',
    '3 min 20 s',
    '2 h 5 min',
  ])
})

test('no size or duration reads like the next unit', () => {
  fc.assert(
    fc.property(fc.nat(2 ** 31 - 1), fc.nat(2 ** 31 - 1), (bytes, ms) => {
      expect(formatBytes(bytes)).not.toMatch(/^1000 [kMG]?B$/)
      expect(formatDuration(ms)).not.toMatch(/\b60 (s|min)$/)
    }),
  )
})

test('names keep what a terminal may see, and no more', () => {
  expect(formatName('ünï 模型 \\ " .txt')).toBe('ünï 模型 \\ " .txt')
  expect(formatName('a\u001b[2Jb')).toBe('"a\\u001b[2Jb"')
  expect(formatName('right\u202eleft')).toBe('"right\\u202eleft"')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (name) => !/\p{Cc}/u.test(formatName(name))))
})

test('East Asian names take two columns a character', () => {
  expect(displayWidth('模型.bin')).toBe(8)
  expect(displayWidth('ünï')).toBe(3)
  expect(
    formatTable([
      ['模型', 'x'],
      ['abcd', 'y'],
    ]),
  ).toBe('模型  x\nabcd  y')
})

test('tables have straight columns', () => {
  expect(
    formatTable(
      [
        ['a', '1'],
        ['long', '22'],
      ],
      [1],
    ),
  ).toBe('a      1\nlong  22')
  expect(formatTable([])).toBe('')
})

describe('progress', () => {
  const half = { bytesDone: 5e8, bytesTotal: 1e9, percent: 50, elapsedMs: 1000, remainingMs: 1000 }

  test('in words', () => {
    expect(progressText(half)).toBe('50 %, 500 MB of 1.00 GB, 500 MB/s, 1.0 s left')
    expect(progressText({ bytesDone: 5e8, elapsedMs: 1000 })).toBe('500 MB, 500 MB/s')
  })

  test('on a line: the bar goes first, then the name', () => {
    const facts = '50 %  500 MB of 1.00 GB  500 MB/s  1.0 s left'
    expect(progressLine('model', half, 90)).toBe(
      `model  [${'#'.repeat(15)}${'-'.repeat(15)}]  ${facts}`,
    )
    expect(progressLine('model', half, 58)).toBe(`model  ${facts}`)
    expect(progressLine('a-long-model-name', half, 58)).toBe(`a-long-mod…  ${facts}`)
    expect(progressLine('model', half, 45)).toBe(facts)
  })

  test('never wider than the terminal', () => {
    const progress = fc.record({
      bytesDone: fc.nat(),
      bytesTotal: fc.nat(),
      percent: fc.double({ min: 0, max: 100, noNaN: true }),
      elapsedMs: fc.nat(),
      remainingMs: fc.nat(),
    })
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme' }),
        progress,
        fc.integer({ min: 1, max: 300 }),
        (label, at, columns) => {
          expect(displayWidth(progressLine(label, at, columns))).toBeLessThanOrEqual(columns)
        },
      ),
    )
  })
})

test('exit codes are told apart and stay below 256', () => {
  const codes = Object.values(exitCodes).map(([code]) => code)
  expect(new Set(codes).size).toBe(codes.length)
  expect(Math.max(...codes)).toBeLessThan(256)
  expect(exitCodeOf('DAEMON_UNREACHABLE')).toBe(3)
  expect(exitCodeOf('CANCELLED')).toBe(130)
})

describe('the progress of a pin', () => {
  const moving = { blocks: 12, fetchedBlocks: 10, fetchedBytes: 10e6, elapsedMs: 1000 }
  const stalled = (...waitingFor: string[]) => ({
    ...moving,
    stalled: { cid: 'bafy', forMs: 7000, waitingFor },
  })

  test('tells what came, or why nothing comes', () => {
    expect(pinForm.text(moving)).toBe('12 blocks, 10.0 MB fetched, 10 MB/s')
    expect(pinForm.text({ ...moving, fetchedBytes: 0 })).toBe('12 blocks')
    expect(pinForm.text(stalled('a'))).toBe('nothing has come for 7.0 s: waiting for a')
    expect(pinForm.text(stalled())).toBe('nothing has come for 7.0 s: waiting for bafy')
    expect(pinForm.text(stalled('a', 'b', 'c', 'd', 'e'))).toMatch(/for a, b, c and 2 more$/)
    expect(pinForm.text(stalled('\u001b[31m'))).not.toContain('\u001b')
  })

  test('fits into the line, its name shortened first', () => {
    expect(pinForm.line('CID', moving, 80)).toBe('CID  12 blocks, 10.0 MB fetched, 10 MB/s')
    for (let columns = 1; columns < 80; columns += 1) {
      const line = pinForm.line('bafybeia'.repeat(7), stalled('12D3KooW'.repeat(6)), columns)
      expect(displayWidth(line)).toBeLessThanOrEqual(columns)
    }
  })
})
