import { nodeIdentity, peerConnection, peerList } from '../api/schemas.ts'
import type { NodeIdentity, PeerConnection } from '../core/network.ts'
import type { SignalOptions } from '../core/storage.ts'
import type { Api } from './api.ts'
import { jsonBody } from './json-body.ts'

export async function id(api: Api, { signal }: SignalOptions = {}): Promise<NodeIdentity> {
  return await api.json(nodeIdentity, { method: 'GET', path: '/id', signal })
}

export async function peers(
  api: Api,
  { signal }: SignalOptions = {},
): Promise<readonly PeerConnection[]> {
  const list = await api.json(peerList, { method: 'GET', path: '/peers', signal })
  return list.peers
}

export async function connectPeer(
  api: Api,
  address: string,
  { signal }: SignalOptions = {},
): Promise<PeerConnection> {
  return await api.json(peerConnection, {
    method: 'POST',
    path: '/peers',
    ...jsonBody({ address }),
    signal,
  })
}

export async function disconnectPeer(
  api: Api,
  peer: string,
  { signal }: SignalOptions = {},
): Promise<void> {
  const path = `/peers/${encodeURIComponent(peer.toWellFormed())}`
  const answer = await api.send({ method: 'DELETE', path, signal })
  answer.discard()
}
