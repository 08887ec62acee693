import { createServer } from 'node:net'
import { PrsmError, systemCode } from '../core/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import { parseMultiaddr } from './peer-address.ts'

type Options = { readonly anyPort: boolean; readonly log: Logger }

/**
 * The addresses to listen on, each found free: libp2p says only that none of them could be had. One
 * that is taken becomes port 0 with `anyPort`. Throws INVALID_INPUT, ADDRESS_IN_USE, CONFIG_INVALID.
 */
export async function freeListenAddresses(
  addresses: readonly string[],
  options: Options,
): Promise<string[]> {
  return Promise.all(addresses.map((address) => freeAddress(address, options)))
}

async function freeAddress(address: string, { anyPort, log }: Options): Promise<string> {
  const { host, port } = tcpOf(address)
  const code = await failureToListen(host, port)
  if (code === undefined) return address
  if (code !== 'EADDRINUSE') {
    throw new PrsmError('CONFIG_INVALID', `cannot listen for peers on ${address} (${code})`, {
      hint: 'set PRSM_SWARM_LISTEN to an address of this machine',
    })
  }
  if (!anyPort) {
    throw new PrsmError('ADDRESS_IN_USE', `${address} is in use by another program`, {
      hint: 'choose another port with PRSM_SWARM_LISTEN; /tcp/0 picks a free one',
      details: { address, variable: 'PRSM_SWARM_LISTEN' },
    })
  }
  log.warn({ address }, 'the port for peers is taken by another program: a free one is used')
  return address.replace(/\/tcp\/\d+/, '/tcp/0')
}

/** Only TCP is spoken here. */
function tcpOf(address: string): { readonly host: string; readonly port: number } {
  const [ip, tcp, ...rest] = parseMultiaddr(address).getComponents()
  const isIp = ip?.name === 'ip4' || ip?.name === 'ip6'
  if (isIp && tcp?.name === 'tcp' && rest.length === 0) {
    return { host: ip.value ?? '', port: Number(tcp.value) }
  }
  throw new PrsmError('INVALID_INPUT', `${address} is no address to listen on`, {
    hint: 'write /ip4/ADDRESS/tcp/PORT or /ip6/ADDRESS/tcp/PORT',
  })
}

function failureToListen(host: string, port: number): Promise<string | undefined> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', (error) => resolve(systemCode(error) ?? 'unknown'))
    server.listen({ host, port }, () => server.close(() => resolve(undefined)))
  })
}
