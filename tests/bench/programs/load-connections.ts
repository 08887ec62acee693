import { Connection } from './connection.ts'
import { type Load, type Loaded, load } from './load.ts'
import { RANGE_BYTES, randomOffset } from './ranges.ts'

/** Each caller has a connection of its own. */
export async function loadConnections(
  url: string,
  asked: Load,
  ask: (connection: Connection) => Promise<void>,
): Promise<Loaded> {
  using stack = new DisposableStack()
  const opening = Array.from({ length: asked.connections }, () => Connection.open(url))
  const connections = (await Promise.all(opening)).map((connection) => stack.use(connection))
  return await load(asked, async (index) => {
    const connection = connections[index]
    if (connection !== undefined) await ask(connection)
  })
}

/** A range of 64 KiB at a random offset of what has so many bytes. */
export async function getRange(connection: Connection, path: string, bytes: number): Promise<void> {
  const headers = rangeHeader(randomOffset(bytes), RANGE_BYTES)
  const got = await connection.get(path, { status: 206, headers })
  if (got !== RANGE_BYTES) throw new Error(`${got} bytes came, not ${RANGE_BYTES}`)
}

export function rangeHeader(offset: number, length: number): string {
  return `Range: bytes=${offset}-${offset + length - 1}\r\n`
}
