import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { targetOfUrl } from '../../src/http/content-path.ts'
import { parseRange } from '../../src/http/range.ts'
import { isKnown, rangeStands } from '../../src/web/conditions.ts'
import { attachment } from '../../src/web/content-disposition.ts'

const CID = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'

describe('parseRange', () => {
  test('gives what slicing gives, for every range of every size', () => {
    const size = fc.integer({ min: 1, max: 50 })
    const bound = fc.integer({ min: 0, max: 60 })
    fc.assert(
      fc.property(size, bound, fc.option(bound), (bytes, first, last) => {
        const content = Array.from({ length: bytes }, (_, at) => at)
        const header = `bytes=${first}-${last ?? ''}`
        const expected = content.slice(first, (last ?? bytes) + 1)
        if (last !== null && last < first) {
          expect(parseRange(header, bytes)).toBeUndefined()
        } else if (expected.length === 0) {
          expect(() => parseRange(header, bytes)).toThrow(
            expect.objectContaining({ code: 'INVALID_RANGE', details: { size: bytes } }),
          )
        } else {
          const { offset, length } = parseRange(header, bytes) ?? { offset: -1, length: -1 }
          expect(content.slice(offset, offset + length)).toEqual(expected)
        }
      }),
    )
  })

  test('gives the end for a suffix', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.integer({ min: 1, max: 99 }),
        (size, last) => {
          const length = Math.min(size, last)
          expect(parseRange(`bytes=-${last}`, size)).toEqual({ offset: size - length, length })
        },
      ),
    )
  })

  test('stays inside the file whatever the header is', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(100), (text, size) => {
        for (const header of [text, `bytes=${text}`]) {
          try {
            const part = parseRange(header, size)
            if (part) expect(part.offset + part.length).toBeLessThanOrEqual(size)
          } catch (error) {
            expect(error).toMatchObject({ code: 'INVALID_RANGE' })
          }
        }
      }),
    )
  })
})

describe('conditions', () => {
  test('If-None-Match finds a tag in a list, and no part of one', () => {
    expect(isKnown('"a,b", "c"', '"a,b"')).toBe(true)
    expect(isKnown('"ab"', '"a"')).toBe(false)
    expect(isKnown('"x" W/"c.tar"', 'W/"c.tar"')).toBe(true)
    expect(isKnown(undefined, '"a"')).toBe(false)
    expect(isKnown('', '"a"')).toBe(false)
  })

  test('If-Range compares strongly', () => {
    expect(rangeStands(undefined, '"a"')).toBe(true)
    expect(rangeStands(' "a" ', '"a"')).toBe(true)
    expect(rangeStands('W/"a"', 'W/"a"'.slice(2))).toBe(false)
  })
})

describe('targetOfUrl', () => {
  test('gives back every path whose names were encoded one by one', () => {
    const name = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((text) => !/[/\0]/.test(text) && text !== '.' && text !== '..')
    fc.assert(
      fc.property(fc.array(name), fc.webQueryParameters(), (names, query) => {
        const path = [CID, ...names].map(encodeURIComponent).join('/')
        const { root, path: parsed } = targetOfUrl(`/api/v1/ipfs/${path}?${query}`, 4)
        expect(root.toString()).toBe(CID)
        expect(parsed).toEqual(names)
      }),
    )
  })
})

describe('attachment', () => {
  test('is a header any name can stand in, and be read back from', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const value = attachment(name)
        expect(value).toMatch(/^attachment; filename\*=UTF-8''[\w!#$&+.^`|~%-]*$/)
        expect(decodeURIComponent(value.split("''")[1] ?? '')).toBe(name.toWellFormed())
      }),
    )
  })
})
