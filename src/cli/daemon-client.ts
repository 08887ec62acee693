import { createClient, type StorageClient } from '../client/client.ts'
import type { Flags } from '../config/load.ts'
import { PrsmError } from '../core/errors.ts'
import { isClone, programName } from './clone.ts'
import { readDaemonFile } from './daemon-file.ts'
import type { Session } from './session.ts'
import { loadSettings } from './settings.ts'

/** A client of the daemon this user means: `--api`, `PRSM_API`, else the one on the data folder. */
export async function connect(session: Session, flags: Flags): Promise<StorageClient> {
  const { config } = await loadSettings(session, flags)
  const url = config.daemonUrl ?? (await readDaemonFile(config.dataDir))?.url
  if (url !== undefined) return createClient({ url })
  throw new PrsmError('DAEMON_UNREACHABLE', `no daemon runs on ${config.dataDir}`, {
    hint: `start one: ${startLine()}`,
    details: { dataDir: config.dataDir },
  })
}

function startLine(): string {
  return isClone() ? `npm start (or ${programName()} daemon)` : 'prsm daemon'
}
