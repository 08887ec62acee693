import type { Flags } from '../../config/load.ts'
import type { PeerConnection } from '../../core/network.ts'
import { connect } from '../daemon-client.ts'
import { formatName } from '../display.ts'
import type { Session } from '../session.ts'

export async function peerConnect(session: Session, address: string, flags: Flags): Promise<void> {
  await using client = await connect(session, flags)
  const peer = await client.connectPeer(address, { signal: session.signal })
  session.note(`connected to ${formatName(peer.agent ?? peer.id)}`)
  await session.result(peer, peer.id)
}

export async function peerDisconnect(session: Session, id: string, flags: Flags): Promise<void> {
  await using client = await connect(session, flags)
  await client.disconnectPeer(id, { signal: session.signal })
  session.note(`disconnected from ${id}`)
  await session.result({ id }, id)
}

export async function peerList(session: Session, flags: Flags): Promise<void> {
  await using client = await connect(session, flags)
  const peers = await client.peers({ signal: session.signal })
  for (const peer of peers) await session.result(peer, lineOf(peer))
  if (peers.length === 0) session.note('no peer is connected')
}

function lineOf({ id, address, direction, agent = '', kept }: PeerConnection): string {
  return `${id}  ${direction.padEnd(8)}  ${kept ? 'kept' : '    '}  ${address}  ${formatName(agent)}`
}
