import { copyFileSync, linkSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  bytesIn,
  type Directory,
  DiskModel,
  type DiskNode,
  emptyDirectory,
  identityOf,
  type PortFile,
  refresh,
} from './disk-model.ts'
import type { Random } from './random.ts'

/** A checkpoint that is running: the database file as it was when it began. */
export type RunningCheckpoint = { readonly path: string; readonly before: Buffer }

type Cut = {
  readonly random: Random
  /** Shares of the names and of the bytes not synced that are there all the same. */
  readonly names: number
  readonly bytes: number
  readonly checkpoint: RunningCheckpoint | undefined
}

const PAGE_BYTES = 4096

/** Writes to `target` what a power cut at this moment could leave of the disk. */
export function cutPower(
  disk: DiskModel,
  target: string,
  { random, checkpoint }: Pick<Cut, 'random' | 'checkpoint'>,
): void {
  const shares = [0, 0.2, 0.5, 0.8, 1]
  const cut = { random, names: random.pick(shares), bytes: random.pick(shares), checkpoint }
  mkdirSync(target)
  cutDirectory(disk.top, { from: disk.root, to: target }, cut)
}

type Way = { readonly from: string; readonly to: string }

function cutDirectory(directory: Directory, { from, to }: Way, cut: Cut): void {
  if (isThere(from)) refresh(directory, from)
  const { live, durable } = directory
  for (const name of new Set([...durable.keys(), ...live.keys()])) {
    const now = live.get(name)
    const before = durable.get(name)
    const isNow = now === before || cut.random.chance(cut.names)
    const node = isNow ? now : before
    const way = { from: join(from, name), to: join(to, name) }
    if (node !== undefined) cutNode(node, way, { ...cut, isLive: node === now })
  }
}

function isThere(path: string): boolean {
  try {
    bytesIn(path)
    return true
  } catch {
    return false
  }
}

function cutNode(node: DiskNode, way: Way, cut: Cut & { readonly isLive: boolean }): void {
  if (node.kind === 'directory') {
    mkdirSync(way.to)
    cutDirectory(node, way, cut)
  } else if (node.kind === 'file') cutFile(node, way.to, cut)
  else if (node.kind === 'wal') {
    writeFileSync(way.to, cut.isLive ? node.image.cut(cut.random, cut.bytes) : node.image.durable)
  } else if (cut.isLive) cutOther(way, cut)
}

/**
 * Files made beside the port. Of a database file nothing may be lost while no checkpoint runs: only
 * SQLite's first pages (a rollback commit, FULL) and checkpoints write it, and both sync it before they
 * return. While one runs, each page is the old or the new one: the -wal, synced before the first is
 * written and not begun anew before all are synced, has them all. A -shm is made anew by whoever opens first.
 */
function cutOther({ from, to }: Way, { random, bytes, checkpoint }: Cut): void {
  if (from.endsWith('-shm')) return
  if (from.endsWith('.db')) {
    const now = readFileSync(from)
    const mixed = checkpoint?.path === from ? mixedPages(checkpoint.before, now, random) : now
    writeFileSync(to, mixed)
  } else {
    const now = readFileSync(from)
    writeFileSync(to, random.chance(bytes) ? now : now.subarray(0, random.int(now.length + 1)))
  }
}

function mixedPages(before: Buffer, now: Buffer, random: Random): Buffer {
  const isLonger = random.chance(0.5)
  const mixed = Buffer.alloc(isLonger ? Math.max(before.length, now.length) : before.length)
  before.copy(mixed)
  const page = random.pick([512, PAGE_BYTES])
  for (let at = 0; at < now.byteLength; at += page) {
    if (random.chance(0.5)) now.copy(mixed, at, at, at + page)
  }
  return mixed
}

/** A synced block file is never written again: it may be shared. */
function cutFile({ keep, unsynced }: PortFile, to: string, { random, bytes }: Cut): void {
  if (unsynced.size === 0) {
    linkSync(keep, to)
    return
  }
  const left = readFileSync(keep)
  let shortest = left.byteLength
  for (const { start, end } of unsynced) {
    shortest = Math.min(shortest, start)
    for (let at = start; at < Math.min(end, left.byteLength); at += PAGE_BYTES) {
      if (!random.chance(bytes)) left.fill(0, at, Math.min(end, at + PAGE_BYTES))
    }
  }
  const cutShort = random.chance(1 - bytes)
  const length = cutShort ? shortest + random.int(left.byteLength - shortest + 1) : left.byteLength
  writeFileSync(to, left.subarray(0, length))
}

/**
 * What a killed process leaves, in `root`: all it wrote, synced or not. The copy knows what this disk
 * knew: a power cut later loses what nobody synced in between.
 */
export function copyAsKilled(disk: DiskModel, root: string): DiskModel {
  const copied = new DiskModel(root, disk.keeps)
  mkdirSync(root)
  const moved = new Map<DiskNode, DiskNode>()
  const move = (node: DiskNode, way: Way): DiskNode => {
    const known = moved.get(node)
    if (known !== undefined) return known
    const copy = moveNode(node, way, copied)
    moved.set(node, copy)
    if (node.kind === 'directory' && copy.kind === 'directory') {
      copyDirectory(node, copy, { ...way, move })
    }
    return copy
  }
  copyDirectory(disk.top, copied.top, { from: disk.root, to: root, move })
  return copied
}

/** A disk that has been looked after by nobody: what is there is there for good. */
export function settledDisk(root: string, keeps: string): DiskModel {
  const disk = new DiskModel(root, keeps)
  settle(disk, disk.top, root)
  return disk
}

function settle(disk: DiskModel, directory: Directory, path: string): void {
  refresh(directory, path)
  for (const [name, node] of directory.live) {
    const below = join(path, name)
    if (node.kind === 'directory') settle(disk, node, below)
    else if (node.kind === 'wal') node.image.beginSync()()
    else if (!name.endsWith('.db')) disk.created(below)
  }
  directory.durable = new Map(directory.live)
}

type Move = Way & { readonly move: (node: DiskNode, way: Way) => DiskNode }

function copyDirectory(directory: Directory, copy: Directory, { from, to, move }: Move): void {
  if (isThere(from)) refresh(directory, from)
  const below = (name: string) => ({ from: join(from, name), to: join(to, name) })
  for (const [name, node] of directory.live) {
    if (!name.endsWith('-shm')) copy.live.set(name, move(node, below(name)))
  }
  const durable = [...directory.durable].map(([name, node]): [string, DiskNode] => {
    const gone = { from: join(from, name), to: '' }
    return [name, move(node, directory.live.get(name) === node ? below(name) : gone)]
  })
  copy.durable = new Map(durable)
}

/** `way.to` is empty for what has no name any more. */
function moveNode(node: DiskNode, { from, to }: Way, copied: DiskModel): DiskNode {
  if (node.kind === 'directory') {
    if (to !== '') mkdirSync(to)
    return emptyDirectory()
  }
  if (node.kind === 'file') return moveFile(node, to, copied)
  if (to !== '') copyFileSync(from, to)
  if (node.kind === 'other') return { kind: 'other' }
  const identity = to === '' ? '' : identityOf(to)
  return { kind: 'wal', image: node.image.movedTo(to), identity }
}

function moveFile({ keep, unsynced }: PortFile, to: string, copied: DiskModel): PortFile {
  const kept = copied.newKeep()
  if (unsynced.size === 0) linkSync(keep, kept)
  else copyFileSync(keep, kept)
  if (to !== '') linkSync(kept, to)
  return {
    kind: 'file',
    keep: kept,
    unsynced: new Set([...unsynced].map((extent) => ({ ...extent, done: true }))),
  }
}
