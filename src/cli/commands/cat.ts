import type { Flags } from '../../config/load.ts'
import { connect } from '../daemon-client.ts'
import type { Session } from '../session.ts'

export type CatOptions = Flags & {
  readonly offline?: boolean
  readonly offset?: number
  readonly length?: number
}

export async function cat(session: Session, content: string, options: CatOptions): Promise<void> {
  await using client = await connect(session, options)
  const { offset, length } = options
  const download = client.download(content, {
    signal: session.signal,
    offline: options.offline === true,
    ...(offset === undefined ? {} : { offset }),
    ...(length === undefined ? {} : { length }),
  })
  for await (const piece of download) await session.stdout.write(piece)
}
