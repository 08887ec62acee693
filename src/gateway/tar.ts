import type { CID } from 'multiformats/cid'
import { DAG_PB, RAW } from '../core/cid.ts'
import type { ArchiveEntry } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { packTar } from '../files/tar.ts'
import { BlockBuffers } from '../unixfs/block-buffers.ts'
import { loadNode } from '../unixfs/dag-source.ts'
import { walkForArchive } from '../unixfs/directory.ts'
import { type OpenFile, openFile, readLoaded } from '../unixfs/read.ts'
import { primed } from '../web/response-stream.ts'
import type { Ask, Responder } from './ask.ts'
import { notModified } from './content-reply.ts'
import { formatHeaders } from './format-headers.ts'
import { blockWay } from './raw.ts'

/**
 * A file or folder as a TAR whose one top entry is named by its CID (specs.ipfs.tech, path gateway). What
 * fails before the first bytes has a status; what fails further on ends the body in an error.
 */
export const tarResponder: Responder = async (ask) => {
  const { cid, roots } = await blockWay(ask)
  if (cid.code !== RAW && cid.code !== DAG_PB) throw notUnixFs(cid)
  const headers = formatHeaders(ask, { roots, kind: 'attachment', name: `${cid}.tar` })
  const etag = `W/"${cid}.x-tar"`
  const known = notModified(ask, etag, headers)
  if (known !== undefined) return known
  const entries = await entriesOf(ask, cid)
  const answer = { status: 200, headers: { ...headers, etag, 'content-type': 'application/x-tar' } }
  return ask.method === 'HEAD' ? answer : { ...answer, body: await primed(packTar(entries)) }
}

function notUnixFs(cid: CID): PrsmError {
  return new PrsmError('NOT_ACCEPTABLE', `${cid} is no file or folder, so no TAR is made of it`, {
    hint: `ask for a CAR: /ipfs/${cid}?format=car`,
    details: { cid: cid.toString(), codec: cid.code },
  })
}

/** The kind of the root is seen before the head. */
async function entriesOf(ask: Ask, cid: CID): Promise<AsyncIterable<ArchiveEntry>> {
  const { blocks, nodes, signal } = ask
  const node = cid.code === DAG_PB ? await loadNode(blocks, cid, { nodes, signal }) : undefined
  if (node?.kind === 'directory' || node?.kind === 'shard') return folderEntries(ask, cid)
  if (node?.kind === 'symlink') {
    throw new PrsmError('UNSUPPORTED_ENTRY', `${cid} is a symbolic link: it leads out of itself`, {
      hint: 'ask for the folder it is in, or for what it leads to',
    })
  }
  return oneFile(ask, cid, await openFile(blocks, cid, { nodes, signal }))
}

async function* oneFile(ask: Ask, cid: CID, file: OpenFile): AsyncGenerator<ArchiveEntry> {
  const content = readLoaded(ask.blocks, file, readOptions(ask))
  yield { kind: 'file', path: `${cid}`, size: file.bytes, content }
}

async function* folderEntries(ask: Ask, cid: CID): AsyncGenerator<ArchiveEntry> {
  yield { kind: 'directory', path: `${cid}` }
  for await (const entry of walkForArchive(ask.blocks, cid, readOptions(ask))) {
    yield { ...entry, path: `${cid}/${entry.path}` }
  }
}

/** Chunks large enough to be used again leave the archive before the next one is asked for. */
function readOptions({ nodes, signal, readAheadBytes }: Ask) {
  const buffers = new BlockBuffers()
  return { nodes, signal, buffers, ...(readAheadBytes !== undefined && { readAheadBytes }) }
}
