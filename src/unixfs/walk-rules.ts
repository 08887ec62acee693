import { isUtf8 } from 'node:buffer'
import { posix } from 'node:path'
import type { CID } from 'multiformats/cid'
import type { SymlinkEntry } from '../core/content.ts'
import { PrsmError } from '../core/errors.ts'
import { limits } from '../core/limits.ts'
import { dagInvalid, dagLimit } from './dag-error.ts'
import type { SymlinkNode } from './dag-node.ts'
import type { FolderLink } from './folder-links.ts'

/** A folder that a walk is in: its path, and the paths that stand in it. */
export type WalkedFolder = {
  readonly path: string
  readonly folder: { readonly cid: CID }
  readonly names: Set<string>
}

/** What a walk makes of names and of symbolic links: `E` is what it gives for the latter. */
export type WalkRules<E> = {
  /** The path of a child, once its name is found fit to be one. Throws DAG_INVALID, UNSUPPORTED_ENTRY, DAG_LIMIT. */
  pathOf(folder: WalkedFolder, link: FolderLink): string
  /** Throws UNSUPPORTED_ENTRY. */
  symlink(path: string, node: SymlinkNode): E
}

/** Files and folders under names that any disk takes. */
export const strictRules: WalkRules<never> = {
  pathOf(folder, link) {
    const path = folder.path === '' ? link.name : `${folder.path}/${link.name}`
    return checkedPath(folder, link, { path, fault: faultOf(link.name) })
  },
  symlink(path, { cid }) {
    throw new PrsmError('UNSUPPORTED_ENTRY', `${JSON.stringify(path)} is a symbolic link`, {
      details: { path, cid: cid.toString() },
      hint: 'name a file or folder below instead',
    })
  },
}

/**
 * What a TAR of the gateway has besides (specs.ipfs.tech, path gateway, TAR responses): names that are
 * paths, made plain, and symbolic links, as long as nothing of it leads out of the root.
 */
export const archiveRules: WalkRules<SymlinkEntry> = {
  pathOf(folder, link) {
    const path = posix.join('.', folder.path, link.name).replace(/\/$/, '')
    const isOutside = path === '.' || isAbove(path)
    const fault = isOutside ? 'leads out of the folder' : faultOf(link.name.replaceAll('/', ''))
    return checkedPath(folder, link, { path, fault: link.name === '' ? faultOf('') : fault })
  },
  symlink(path, { cid, data }) {
    const target = Buffer.from(data).toString('utf8')
    if (isUtf8(data) && leadsInside(path, target)) return { kind: 'symlink', path, target }
    throw new PrsmError(
      'UNSUPPORTED_ENTRY',
      `${JSON.stringify(path)} is a symbolic link that leads out of the folder`,
      {
        details: { path, cid: cid.toString() },
        hint: 'ask for it as a CAR, or for a file or folder below',
      },
    )
  },
}

/** What is `..` behind a name counts as leading out: the name may be a link itself. */
function leadsInside(path: string, target: string): boolean {
  if (target === '' || target.startsWith('/') || target.includes('\0')) return false
  const names = target.split('/').filter((name) => name !== '' && name !== '.')
  const first = names.findIndex((name) => name !== '..')
  if (first >= 0 && names.includes('..', first)) return false
  return !isAbove(posix.join(posix.dirname(path), target))
}

function isAbove(path: string): boolean {
  return path === '..' || path.startsWith('../')
}

type Named = { readonly path: string; readonly fault: string | undefined }

function checkedPath({ folder, names }: WalkedFolder, link: FolderLink, named: Named): string {
  const { path } = named
  const shown = JSON.stringify(path)
  const fault = named.fault ?? (names.has(path) ? 'is there twice' : undefined)
  if (fault !== undefined) throw dagInvalid(folder.cid, `${shown} ${fault}`, { path })
  if (!link.nameIsText) {
    throw new PrsmError('UNSUPPORTED_ENTRY', `the name of ${shown} is not UTF-8`, {
      details: { path },
    })
  }
  if (Buffer.byteLength(path) > limits.maxPathBytes) {
    const why = `${shown} is longer than ${limits.maxPathBytes} bytes`
    throw dagLimit(folder.cid, why, { path })
  }
  names.add(path)
  return path
}

function faultOf(name: string): string | undefined {
  if (name === '') return 'has an empty name'
  if (name === '.' || name === '..') return 'is no name for a file'
  if (name.includes('/')) return 'has a slash in its name'
  if (name.includes('\0')) return 'has a NUL byte in its name'
  return undefined
}
