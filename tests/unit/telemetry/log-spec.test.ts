import { describe, expect, test } from 'vitest'
import { LOG_COMPONENTS, LOG_LEVELS, parseLogSpec } from '../../../src/core/log-spec.ts'

describe('parseLogSpec', () => {
  test.each([
    ['info', { level: 'info', components: {} }],
    ['debug:blocks,http', { level: 'info', components: { blocks: 'debug', http: 'debug' } }],
    ['warn,debug:http', { level: 'warn', components: { http: 'debug' } }],
    ['debug:http,warn', { level: 'warn', components: { http: 'debug' } }],
    [' trace:db , error ', { level: 'error', components: { db: 'trace' } }],
    ['debug:db,trace:db', { level: 'info', components: { db: 'trace' } }],
    ['silent', { level: 'silent', components: {} }],
  ])('%s', (text, spec) => {
    expect(parseLogSpec(text)).toEqual(spec)
  })

  test.each([
    '',
    'loud',
    'debug:',
    ':http',
    'debug:nothing',
    'http',
    'debug:db:http',
    'info,,warn',
    'debug:__proto__',
  ])('%j is refused with what may stand there', (text) => {
    expect(() => parseLogSpec(text)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        hint: expect.stringContaining('levels are'),
      }),
    )
  })

  test('no name is both a level and a component', () => {
    expect(
      LOG_COMPONENTS.filter((name) => (LOG_LEVELS as readonly string[]).includes(name)),
    ).toEqual([])
  })
})
