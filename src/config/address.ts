import { isIPv4, isIPv6 } from 'node:net'
import { PrsmError } from '../core/errors.ts'
import { isLoopbackName } from '../core/loopback.ts'

/** Where a server listens. Port 0: the system picks a free one. */
export type ListenAddress = { readonly host: string; readonly port: number }

const LISTEN = /^(?:\[([\da-f:.]+)\]|([^:[\]/]*)):(\d{1,5})$/i

/** Reads `host:port`, `:port` (127.0.0.1) or `[::1]:port`; loopback only. Throws INVALID_INPUT. */
export function parseListen(text: string): ListenAddress {
  const address = parseAnyListen(text)
  if (isLoopbackName(address.host)) return address
  throw new PrsmError('INVALID_INPUT', `${address.host} is not a loopback address`, {
    hint: 'this version serves its own machine only: use 127.0.0.1, [::1] or localhost',
  })
}

/** The same for a server that may be reached from elsewhere. */
export function parseAnyListen(text: string): ListenAddress {
  const [, bracketed, plain, digits] = LISTEN.exec(text.trim()) ?? []
  const host = bracketed ?? (plain || '127.0.0.1')
  if (digits === undefined) throw notAnAddress(text, 'write host:port, as in 127.0.0.1:8000')
  if (Number(digits) > 65_535) throw notAnAddress(text, 'a port is 0 to 65535')
  return { host, port: Number(digits) }
}

/** `host:port` as `parseListen` reads it. */
export function formatListen({ host, port }: ListenAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/**
 * Reads the multiaddrs to listen on, separated by commas or spaces; `none` is an empty list. Only TCP
 * is spoken. Throws INVALID_INPUT.
 */
export function parseSwarmListen(text: string): readonly string[] {
  const hint = 'write /ip4/ADDRESS/tcp/PORT or /ip6/ADDRESS/tcp/PORT, as in /ip4/127.0.0.1/tcp/4001'
  return multiaddrs(text, hint, (parts) => parts.length === 4 && isIp(parts) && isTcp(parts))
}

/** The same for peers: each ends in `/p2p/` and the peer's ID. */
export function parsePeers(text: string): readonly string[] {
  const hint = 'write an address of `prsm id`, as in /ip4/127.0.0.1/tcp/4001/p2p/12D3…'
  return multiaddrs(text, hint, (parts) => {
    const [name = '', host, , , p2p, id = ''] = parts
    const isHost = isIp(parts) || (/^dns[46]?$/.test(name) && host !== '')
    const isPeer = p2p === 'p2p' && /^[1-9A-Za-z]+$/.test(id)
    return parts.length === 6 && isHost && isTcp(parts) && isPeer
  })
}

/** The addresses in `text`, each with the components that `isGood` wants of it. */
function multiaddrs(
  text: string,
  hint: string,
  isGood: (parts: readonly string[]) => boolean,
): readonly string[] {
  if (text.trim() === 'none') return []
  const addresses = text.split(/[\s,]+/).filter((each) => each !== '')
  const bad = addresses.find((each) => !each.startsWith('/') || !isGood(each.slice(1).split('/')))
  if (bad !== undefined) throw notAnAddress(bad, hint)
  return addresses
}

function isIp([name, host = '']: readonly string[]): boolean {
  return (name === 'ip4' && isIPv4(host)) || (name === 'ip6' && isIPv6(host))
}

function isTcp([, , tcp, port = '']: readonly string[]): boolean {
  return tcp === 'tcp' && /^\d{1,5}$/.test(port) && Number(port) <= 65_535
}

/** Reads the URL of a daemon: http or https, without path or query. Throws INVALID_INPUT. */
export function parseDaemonUrl(text: string): string {
  const url = URL.parse(text)
  const hint = 'write its URL, as in http://127.0.0.1:8000'
  if (url === null || !/^https?:$/.test(url.protocol)) throw notAnAddress(text, hint)
  if (`${url.username}${url.password}` !== '') throw notAnAddress('(with a name or password)', hint)
  if (`${url.pathname}${url.search}${url.hash}` !== '/') throw notAnAddress(text, hint)
  return url.origin
}

function notAnAddress(text: string, hint: string): PrsmError {
  return new PrsmError('INVALID_INPUT', `not an address: ${JSON.stringify(text)}`, { hint })
}
