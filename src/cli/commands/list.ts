import type { Flags } from '../../config/load.ts'
import type { UploadPage } from '../../core/content.ts'
import { programName } from '../clone.ts'
import { connect } from '../daemon-client.ts'
import { formatBytes, formatName, formatTable } from '../display.ts'
import type { Session } from '../session.ts'

export type ListOptions = Flags & { readonly limit?: number; readonly before?: number }

export async function list(session: Session, options: ListOptions): Promise<void> {
  await using client = await connect(session, options)
  const { limit, before } = options
  const page = await client.list({
    signal: session.signal,
    ...(limit === undefined ? {} : { limit }),
    ...(before === undefined ? {} : { before }),
  })
  if (session.json || page.uploads.length > 0) await session.result(page, tableOf(page))
  else session.note('nothing was uploaded yet')
  if (page.next !== undefined) {
    session.note(`there are more: ${programName()} list --before ${page.next}`)
  }
}

function tableOf({ uploads }: UploadPage): string {
  const rows = uploads.map(({ createdAt, cid, bytes, filename }) => [
    createdAt,
    cid,
    formatBytes(bytes),
    formatName(filename),
  ])
  return formatTable(rows, [2])
}
