import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, nearest } from '../../../src/config/nearest.ts'

const word = fc.string({ maxLength: 12, unit: fc.constantFrom(...'abcd_') })

describe('the nearest name', () => {
  it('counts the letters to change', () => {
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('abc', '')).toBe(3)
  })

  it('is a distance: zero only for equals, symmetric, and never longer by a detour', () => {
    fc.assert(
      fc.property(word, word, word, (a, b, c) => {
        expect(editDistance(a, b) === 0).toBe(a === b)
        expect(editDistance(a, b)).toBe(editDistance(b, a))
        expect(editDistance(a, c)).toBeLessThanOrEqual(editDistance(a, b) + editDistance(b, c))
      }),
    )
  })

  it('suggests what is near and nothing that is far', () => {
    const names = ['DATA_DIR', 'API_LISTEN', 'LOG', 'MAX_FILE_SIZE']
    expect(nearest('DATADIR', names)).toBe('DATA_DIR')
    expect(nearest('max_filesize', names)).toBe('MAX_FILE_SIZE')
    expect(nearest('LISTEN', names)).toBe('API_LISTEN')
    expect(nearest('COMPLETELY_ELSE', names)).toBeUndefined()
  })
})
