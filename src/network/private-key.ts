import { randomBytes } from 'node:crypto'
import { chmod, link, mkdir, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { isDiskFull, isPrsmError, PrsmError, systemCode } from '../core/errors.ts'
import type { Logger } from '../telemetry/logger.ts'

/** The file of the key: libp2p's protobuf of an Ed25519 private key, in base64, one line. */
export const KEY_FILE = 'identity.key'

/**
 * The key that makes this node the same peer after each start; made when there is none (0600). Null
 * keeps none. A full disk has no room for a new one: then there is one for this run, so that what is
 * stored can be read. Throws STORE_CORRUPT for a file that holds no key: a new one would be another
 * peer; STORAGE_IO.
 */
export async function loadPrivateKey(folder: string | null, log: Logger): Promise<PrivateKey> {
  try {
    if (folder !== null) return await readOrMakeKey(folder)
  } catch (error) {
    if (!isPrsmError(error) || error.code !== 'STORAGE_FULL') throw error
    log.warn({ err: error }, 'no room for a key: this node has a peer ID for this run alone')
  }
  return generateKeyPair('Ed25519')
}

async function readOrMakeKey(folder: string): Promise<PrivateKey> {
  const path = join(folder, KEY_FILE)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return await readKey(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return await makeKey(path)
    throw keyError(path, error)
  }
}

async function readKey(path: string): Promise<PrivateKey> {
  const text = await readFile(path, 'utf8')
  await chmod(path, 0o600)
  try {
    return privateKeyFromProtobuf(Buffer.from(text.trim(), 'base64'))
  } catch (cause) {
    throw new PrsmError('STORE_CORRUPT', `${path} holds no private key`, {
      cause,
      hint: 'put back the file from a backup, or move it away: the node is another peer then',
    })
  }
}

/** Whole and synced before it has its name: half a key would lose the node its identity. */
async function makeKey(path: string): Promise<PrivateKey> {
  const key = await generateKeyPair('Ed25519')
  const temporary = `${path}.${randomBytes(4).toString('hex')}`
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(`${Buffer.from(privateKeyToProtobuf(key)).toString('base64')}\n`)
      await file.datasync()
    } finally {
      await file.close()
    }
    await link(temporary, path)
    return key
  } catch (error) {
    throw keyError(path, error)
  } finally {
    await rm(temporary, { force: true })
  }
}

function keyError(path: string, error: unknown): unknown {
  if (error instanceof PrsmError || systemCode(error) === undefined) return error
  const what = error instanceof Error ? error.message : String(error)
  return new PrsmError(
    isDiskFull(error) ? 'STORAGE_FULL' : 'STORAGE_IO',
    `the key ${path} cannot be read or written: ${what}`,
    { cause: error, hint: 'the data folder needs to be yours, with room on its disk' },
  )
}
