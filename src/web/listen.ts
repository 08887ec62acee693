import type { Server } from 'node:http'
import { PrsmError, systemCode } from '../core/errors.ts'
import { isLoopbackName } from '../core/loopback.ts'

/** An address of this machine. */
export type Address = { readonly host: string; readonly port: number }

/** The address to listen on for a host of the configuration. Throws CONFIG_INVALID. */
export function loopbackHost(host: string): string {
  const bare = host.toLowerCase().replace(/^\[(.*)\]$/, '$1')
  if (isLoopbackName(bare)) return bare === 'localhost' ? '127.0.0.1' : bare
  throw new PrsmError('CONFIG_INVALID', `the API listens on loopback only, not on ${host}`, {
    hint: 'use 127.0.0.1, [::1] or localhost: requests are not authenticated in this version',
  })
}

/** `address` as the beginning of a URL. */
export function urlOf({ host, port }: Address): string {
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

/** A server that can be told to listen: Fastify, or one of `node:http` in a few lines. */
export type Listener = {
  readonly server: Server
  listen(address: Address): Promise<unknown>
  close(): Promise<unknown>
}

/** Opens the port. Throws ADDRESS_IN_USE, and CONFIG_INVALID where this process may not listen. */
export async function listen(listener: Listener, { host, port }: Address): Promise<Address> {
  try {
    await listener.listen({ host, port })
  } catch (cause) {
    await listener.close()
    throw listenError({ host, port }, cause)
  }
  const address = listener.server.address()
  return { host, port: typeof address === 'object' && address ? address.port : port }
}

function listenError({ host, port }: Address, cause: unknown): unknown {
  const code = systemCode(cause)
  const details = { host, port }
  if (code === 'EADDRINUSE') {
    return new PrsmError('ADDRESS_IN_USE', `${host}:${port} is in use by another program`, {
      hint: 'choose another port; 0 picks a free one',
      details,
      cause,
    })
  }
  if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ERR_SOCKET_BAD_PORT') {
    return new PrsmError('CONFIG_INVALID', `cannot listen on ${host}:${port} (${code})`, {
      details,
      cause,
    })
  }
  return cause
}
