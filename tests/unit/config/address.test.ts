import { describe, expect, it } from 'vitest'
import {
  formatListen,
  parseDaemonUrl,
  parseListen,
  parsePeers,
  parseSwarmListen,
} from '../../../src/config/address.ts'

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

const PEER_ID = '12D3KooWKZ4Ts2vZfjWxik6cpHGEx4ETaPhd3oYEv55fwHWgMwMC'

describe('the multiaddrs of the network', () => {
  it('are read with commas or spaces between, `none` as none', () => {
    const listen = ['/ip4/127.0.0.1/tcp/0', '/ip6/::1/tcp/65535']
    expect(parseSwarmListen(` ${listen.join(', ')},`)).toEqual(listen)
    const hosts = ['ip4/10.0.0.1', 'ip6/::1', 'dns/a.example', 'dns4/localhost', 'dns6/a']
    const peers = hosts.map((host) => `/${host}/tcp/4001/p2p/${PEER_ID}`)
    expect(parsePeers(peers.join(','))).toEqual(peers)
    expect([parseSwarmListen('none'), parsePeers('none')]).toEqual([[], []])
  })

  it.each([
    '127.0.0.1:4001',
    '/ip4/127.0.0.1',
    '/ip4/127.0.0.1/tcp/65536',
    '/ip4/127.0.0.1/tcp/x',
    '/ip4/127.0.0.256/tcp/1',
    '/ip6/127.0.0.1/tcp/1',
    '/ip4/127.0.0.1/udp/4001/quic-v1',
    '/ip4/127.0.0.1/tcp/4001/ws',
    '/dns4/localhost/tcp/4001',
    `/ip4/127.0.0.1/tcp/4001/p2p/${PEER_ID}`,
  ])('refuse to listen on %s, with how to write it', (text) => {
    expect(() => parseSwarmListen(text)).toThrow(
      expect.objectContaining({
        code: 'INVALID_INPUT',
        hint: expect.stringContaining('/tcp/PORT'),
      }),
    )
  })

  it.each([
    PEER_ID,
    `/p2p/${PEER_ID}`,
    '/ip4/127.0.0.1/tcp/4001',
    '/ip4/127.0.0.1/tcp/4001/p2p/',
    `/ip4/127.0.0.1/tcp/99999/p2p/${PEER_ID}`,
    `/ip4/127.0.0.300/tcp/4001/p2p/${PEER_ID}`,
    `/ip4/127.0.0.1/udp/4001/quic-v1/p2p/${PEER_ID}`,
    `/dns4//tcp/4001/p2p/${PEER_ID}`,
    `/ip4/127.0.0.1/tcp/4001/p2p/${PEER_ID}/p2p-circuit`,
  ])('refuse the peer %s, with where its address comes from', (text) => {
    expect(() => parsePeers(text)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', hint: expect.stringContaining('prsm id') }),
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
