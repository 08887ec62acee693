import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatSize, parseMebibytes, parseSize, sizeParser } from '../../../src/config/size.ts'

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['1073741824', 1024 ** 3],
    ['1KiB', 1024],
    ['64 MiB', 64 * 1024 ** 2],
    ['1GiB', 1024 ** 3],
    ['1.5GiB', 1.5 * 1024 ** 3],
    ['0.5KiB', 512],
    ['8191TiB', 8191 * 1024 ** 4],
    ['20gib', 20 * 1024 ** 3],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes)
  })

  it.each([
    '',
    '-1',
    '1e9',
    'GiB',
    '1,5GiB',
    '0x10',
    '1GiB2',
    '8192TiB',
    '99999999999999999',
    '1.5',
  ])('refuses %j', (text) => {
    expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })

  it.each([
    ['64MB', 'write MiB for 1048576 bytes'],
    ['1kb', 'write KiB for 1024 bytes'],
    ['1G', 'write GiB for 1073741824 bytes'],
    ['3 bananas', 'the units are KiB, MiB, GiB and TiB'],
    ['0.3KiB', 'not a whole number of bytes'],
  ])('says for %s what to write', (text, hint) => {
    expect(() => parseSize(text)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining(hint) }),
    )
  })

  it('formats every size as a text that reads back as the same size', () => {
    fc.assert(fc.property(fc.maxSafeNat(), (bytes) => parseSize(formatSize(bytes)) === bytes))
    fc.assert(
      fc.property(fc.nat(4096), fc.constantFrom('KiB', 'MiB', 'GiB'), (count, unit) => {
        const bytes = parseSize(`${count}${unit}`)
        return parseSize(formatSize(bytes)) === bytes
      }),
    )
    expect(formatSize(1024 ** 3)).toBe('1GiB')
    expect(formatSize(1.5 * 1024 ** 3)).toBe('1536MiB')
    expect(formatSize(1000)).toBe('1000')
  })

  it('takes MiB without a unit where the variable ends in _MB', () => {
    expect(sizeParser('PRSM_CACHE_MB')('64')).toBe(64 * 1024 ** 2)
    expect(sizeParser('PRSM_CACHE')('64')).toBe(64)
    expect(() => parseMebibytes('64MiB')).toThrow(
      expect.objectContaining({ hint: expect.stringContaining('without a unit') }),
    )
    expect(() => parseMebibytes('1.5')).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })
})
