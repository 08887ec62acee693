import { describe, expect, it } from 'vitest'
import { formatListen, parseDaemonUrl, parseListen } from '../../../src/config/address.ts'

describe('where to listen', () => {
  it.each([
    ['127.0.0.1:8000', '127.0.0.1', 8000],
    [':8000', '127.0.0.1', 8000],
    [':0', '127.0.0.1', 0],
    ['[::1]:8000', '::1', 8000],
    ['localhost:65535', 'localhost', 65_535],
    ['127.9.8.7:1', '127.9.8.7', 1],
  ])('reads %s', (text, host, port) => {
    expect(parseListen(text)).toEqual({ host, port })
    expect(parseListen(formatListen({ host, port }))).toEqual({ host, port })
  })

  it.each(['0.0.0.0:8000', '[::]:8000', '192.168.1.2:80', 'example.org:80', '127.evil.org:80'])(
    'refuses %s, which others can reach',
    (text) => {
      expect(() => parseListen(text)).toThrow(/is not a loopback address/)
    },
  )

  it.each([
    '',
    '8000',
    '127.0.0.1',
    '127.0.0.1:',
    '::1:8000',
    ':65536',
    ':-1',
    'http://127.0.0.1:80',
  ])('refuses %j with how to write it', (text) => {
    expect(() => parseListen(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', hint: expect.any(String) }),
    )
  })
})

describe('the URL of a daemon', () => {
  it('is reduced to its origin', () => {
    expect(parseDaemonUrl('http://127.0.0.1:8000/')).toBe('http://127.0.0.1:8000')
    expect(parseDaemonUrl('https://prsm.example')).toBe('https://prsm.example')
  })

  it.each(['127.0.0.1:8000', 'ftp://127.0.0.1', 'http://127.0.0.1:8000/api', 'http://h/?a=1', 'x'])(
    'refuses %s',
    (text) => {
      expect(() => parseDaemonUrl(text)).toThrow(/not an address/)
    },
  )

  it('refuses a name and password without repeating them', () => {
    expect(() => parseDaemonUrl('http://me:hunter2@127.0.0.1:8000')).toThrow(/^((?!hunter2).)*$/)
  })
})
