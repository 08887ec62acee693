import { describeConfig } from '../../config/describe.ts'
import type { Flags } from '../../config/load.ts'
import { formatTable } from '../display.ts'
import type { Session } from '../session.ts'
import { loadSettings } from '../settings.ts'

export async function configShow(session: Session, flags: Flags): Promise<void> {
  const rows = describeConfig(await loadSettings(session, flags))
  if (session.json) {
    for (const row of rows) await session.result(row, '')
    return
  }
  const table = rows.map(({ name, value, origin }) => [name, value, origin])
  await session.stdout.line(formatTable([['SETTING', 'VALUE', 'FROM'], ...table]))
}
