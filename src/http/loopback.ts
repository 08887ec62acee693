import { PrsmError } from '../core/errors.ts'
import { isLoopbackName } from '../core/loopback.ts'

/** `host:port` of a Host header or an Origin; the port of plain HTTP when none is written. */
type Authority = { readonly name: string; readonly port: number }

const HTTP_PORT = 80

/**
 * Any web page can reach a loopback port, so a request is answered only when it says it is for this
 * machine (a foreign name that resolves here would say its own) and does not come from a page of
 * another origin. Throws INVALID_INPUT, FORBIDDEN_HOST or FORBIDDEN_ORIGIN.
 */
export function checkSource(hosts: readonly string[], origin: string | undefined, port: number) {
  const host = checkHost(hosts)
  if (origin !== undefined) checkOrigin(origin, [host.port, port])
}

function checkHost(hosts: readonly string[]): Authority {
  const [text, second] = hosts
  if (text === undefined || second !== undefined) {
    throw new PrsmError('INVALID_INPUT', 'a request has exactly one Host header')
  }
  const host = parseAuthority(text)
  if (host !== undefined && isLoopbackName(host.name)) return host
  throw new PrsmError('FORBIDDEN_HOST', `the host ${shown(text)} is not this machine`, {
    hint: 'ask for localhost, 127.0.0.1 or [::1]; behind a proxy, let it set the Host header',
  })
}

function checkOrigin(origin: string, ports: readonly number[]): void {
  const [scheme, rest = ''] = origin.split('://', 2)
  const source = scheme === 'http' ? parseAuthority(rest) : undefined
  if (source && isLoopbackName(source.name) && ports.includes(source.port)) return
  throw new PrsmError('FORBIDDEN_ORIGIN', `a page of ${shown(origin)} may not use this API`, {
    hint: 'web pages of other origins are refused; use the library, the CLI or a server of yours',
  })
}

function parseAuthority(text: string): Authority | undefined {
  const parts = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(\d{1,5}))?$/i.exec(text)
  if (parts === null) return undefined
  const [, name = '', port] = parts
  return { name, port: port === undefined ? HTTP_PORT : Number(port) }
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 120))
}
