import { mkdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { createFilePort } from '../../../src/files/file-port.ts'
import { createStorageNode, type StorageNode } from '../../../src/index.ts'
import { bytesIn, DiskModel } from './disk-model.ts'
import { tellDriverPoints } from './driver-points.ts'
import { inlineWorker } from './inline-worker.ts'
import type { RunningCheckpoint } from './power-cut.ts'
import { recordingPort } from './recording-port.ts'
import { callingPlace } from './sync-sites.ts'

export type LifeInit = {
  readonly disk: DiskModel
  /** Called at each step, synchronously: nothing of the node runs until it returns. */
  readonly onStep: (what: string, checkpoint?: RunningCheckpoint) => void
  /** The call of a sync that is left out, as `sync-sites.ts` names it; with a file's name, of that file only. */
  readonly without: string | undefined
}

/** The data folder in a tree that a disk model looks after: its own name is part of what is tested. */
export function dataDirOf(disk: DiskModel): string {
  return join(disk.root, 'data')
}

/** Where the driver stands at a step: a new file without content, and both ends of a batch. */
const DRIVER_STEPS = new Set([
  'pragma page_count',
  'pragma journal_mode = WAL',
  'begin',
  'committed',
])

/** What the worker does without a sync of the -wal. */
const SYNC_NOTHING = new Set(['closeFile', 'releaseFile', 'storeBlocks'])

/** The lives whose nodes still count, by their data folder. */
const lives = new Map<string, Life>()
let isListening = false

function listenToDriver(): void {
  if (isListening) return
  isListening = true
  tellDriverPoints((point, database) => {
    for (const [dataDir, life] of lives) {
      if (database.startsWith(`${dataDir}/`)) life.driverPoint(point, database)
    }
  })
}

/** One life of a node on a disk whose syncs are known: from its opening until it is closed or cut off. */
export class Life {
  readonly #init: LifeInit
  readonly #dataDir: string
  #isOver = false
  #isNew = false
  #before: Buffer = Buffer.alloc(0)
  #walSynced: () => void = () => {}

  constructor(init: LifeInit) {
    this.#init = init
    this.#dataDir = dataDirOf(init.disk)
    listenToDriver()
    lives.set(this.#dataDir, this)
  }

  get isOver(): boolean {
    return this.#isOver
  }

  async open(): Promise<StorageNode> {
    const { disk, without } = this.#init
    const files = createFilePort({ before: ({ name, path }) => this.#step(`${name} ${path}`) })
    const leftOut = (path: string) =>
      without !== undefined &&
      [callingPlace(), `${callingPlace()} ${basename(path)}`].includes(without)
    const recorded = recordingPort({
      ...{ files, disk, leftOut },
      onSync: (name, path) => this.#step(`${name} ${path}`),
    })
    const worker = inlineWorker({
      before: (name, path) => this.#beforeWorker(name, path),
      after: (name, path) => this.#afterWorker(name, path),
    })
    return await createStorageNode({ dataDir: this.#dataDir }, { files: recorded, worker })
  }

  /** From now on every operation of the port fails, and nothing counts. */
  end(): void {
    this.#isOver = true
    lives.delete(this.#dataDir)
  }

  driverPoint(point: string, database: string): void {
    // SQLite makes a new file a -wal database by a rollback commit: its journal's first sync syncs the folder.
    if (point === 'pragma page_count') this.#isNew = bytesIn(database) === 0
    if (point === 'after journal_mode = WAL' && this.#isNew) {
      this.#init.disk.beginDirectorySync(this.#dataDir)()
    }
    if (DRIVER_STEPS.has(point)) this.#step(`${point} ${database}`)
  }

  #step(what: string, checkpoint?: RunningCheckpoint): void {
    if (this.#isOver) throw Object.assign(new Error('EIO: the power is off'), { code: 'EIO' })
    this.#init.onStep(what, checkpoint)
    if (this.#isOver) throw Object.assign(new Error('EIO: the power is off'), { code: 'EIO' })
  }

  #beforeWorker(name: string, path: string): void {
    if (this.#isOver) return
    this.#init.onStep(`before ${name} ${path}`)
    if (this.#isOver || SYNC_NOTHING.has(name)) return
    this.#walSynced = this.#init.disk.beginSync(`${path}-wal`)
    this.#before = readFileSync(path)
  }

  /** SQLite syncs the -wal before it copies from it, and nothing is written to it meanwhile. */
  #afterWorker(name: string, path: string): void {
    if (this.#isOver) return
    this.#walSynced()
    this.#walSynced = () => {}
    if (name === 'checkpoint') {
      this.#init.onStep(`within ${name} ${path}`, { path, before: this.#before })
    }
    if (!this.#isOver) this.#init.onStep(`after ${name} ${path}`)
  }
}

/** A disk with nothing on it. */
export function newDisk(folder: string, name: string): DiskModel {
  const keeps = join(folder, 'keeps')
  mkdirSync(keeps, { recursive: true })
  const disk = new DiskModel(join(folder, name), keeps)
  mkdirSync(disk.root)
  return disk
}
