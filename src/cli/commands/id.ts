import type { Flags } from '../../config/load.ts'
import { connect } from '../daemon-client.ts'
import type { Session } from '../session.ts'

/** Prints the peer ID, then each address others reach it by. */
export async function id(session: Session, options: Flags): Promise<void> {
  await using client = await connect(session, options)
  const identity = await client.id({ signal: session.signal })
  await session.result(identity, [identity.id, ...identity.addresses].join('\n'))
}
