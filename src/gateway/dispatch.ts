import { resolveWay } from '../car/traverse-path.ts'
import { DAG_PB, RAW } from '../core/cid.ts'
import { PrsmError } from '../core/errors.ts'
import type { Ask, Reply } from './ask.ts'
import { carResponder } from './car.ts'
import type { TypeMemory } from './content-type.ts'
import { dagResponder } from './dag.ts'
import { rawResponder } from './raw.ts'
import { tarResponder } from './tar.ts'
import { unixfsReply } from './unixfs.ts'

/** Makes the answer as what was chosen. */
export async function respond(ask: Ask, types: TypeMemory): Promise<Reply> {
  switch (ask.format) {
    case 'raw':
      return rawResponder(ask)
    case 'car':
      return carResponder(ask)
    case 'tar':
      return tarResponder(ask)
    case 'dag-json':
    case 'dag-cbor':
      return dagResponder(ask)
    case 'unixfs':
    case 'json':
    case 'cbor':
      return fileOrCodec(ask, types)
    case 'ipns-record':
      throw new PrsmError('INVALID_INPUT', 'content has no IPNS record', {
        hint: 'an IPNS record is asked for under /ipns/, which this gateway does not serve',
      })
  }
}

/** A file stays what it is when it is asked for as JSON: it may well be that (path gateway, 2.1.4). */
async function fileOrCodec(ask: Ask, types: TypeMemory): Promise<Reply> {
  const way = await resolveWay(ask.blocks, ask, ask)
  const { code } = way.cid
  const inside = way.rest.length > 0
  return !inside && (code === RAW || code === DAG_PB)
    ? unixfsReply(ask, way, types)
    : dagResponder(ask)
}
