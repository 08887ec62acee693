import { createServer } from 'node:net'
import { formatListen, type ListenAddress } from '../config/address.ts'
import type { Config } from '../config/schema.ts'
import { isPrsmError, PrsmError } from '../core/errors.ts'
import { type GatewayServer, startGateway as serveGateway } from '../gateway/server.ts'
import { type ApiServer, startApiServer } from '../http/server.ts'
import type { StorageNode } from '../node/storage-node.ts'
import { VERSION } from '../node/version.ts'
import { programName } from './clone.ts'

/** Ports tried to name a free one. */
const PORTS_TRIED = 20

/** Opens the API. Throws ADDRESS_IN_USE with a port that is free. */
export async function startApi(node: StorageNode, config: Config): Promise<ApiServer> {
  const { logger, metrics } = node
  const { maxFileBytes } = config
  const options = { ...config.api, maxFileBytes, version: VERSION }
  return startApiServer({ node, logger, metrics }, options).catch((error: unknown) =>
    rethrow(error, config.api, 'PRSM_API_LISTEN'),
  )
}

/** Opens the gateway. Where nobody chose its port and it is taken, a free one will do. */
export async function startGateway(node: StorageNode, config: Config): Promise<GatewayServer> {
  const address = config.gateway ?? { host: '127.0.0.1', port: 0 }
  try {
    return await serveGateway(node.gatewayParts(), address)
  } catch (error) {
    if (!isTaken(error) || !config.defaulted.gateway) {
      return rethrow(error, address, 'PRSM_GATEWAY_LISTEN')
    }
    const server = await serveGateway(node.gatewayParts(), { ...address, port: 0 })
    const { url } = server
    node.logger.warn({ url, taken: formatListen(address) }, 'the gateway took a free port')
    return server
  }
}

function isTaken(error: unknown): error is PrsmError {
  return isPrsmError(error) && error.code === 'ADDRESS_IN_USE'
}

async function rethrow(error: unknown, address: ListenAddress, variable: string): Promise<never> {
  if (!isTaken(error)) throw withVariable(error, variable)
  const freePort = await findFreePort(address)
  const choice = formatListen({ ...address, port: freePort })
  throw new PrsmError('ADDRESS_IN_USE', error.message, {
    hint: `choose another port: ${variable}=${choice} ${programName()} daemon`,
    details: { ...error.details, variable, freePort },
    cause: error,
  })
}

/** An address that this process may not listen on, with the setting that it stands in. */
function withVariable(error: unknown, variable: string): unknown {
  if (!isPrsmError(error) || error.code !== 'CONFIG_INVALID' || error.hint !== undefined) {
    return error
  }
  return new PrsmError('CONFIG_INVALID', error.message, {
    hint: `set ${variable} to an address of this machine, with a port that you may use`,
    details: { ...error.details, variable },
    cause: error,
  })
}

/** A port of this host that nobody listens on; 0, which lets the system choose, when none was found. */
async function findFreePort({ host, port }: ListenAddress): Promise<number> {
  for (let next = port + 1; next <= Math.min(65_535, port + PORTS_TRIED); next += 1) {
    if (await canListen(host, next)) return next
  }
  return 0
}

function canListen(host: string, port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen({ host, port }, () => server.close(() => resolve(true)))
  })
}
