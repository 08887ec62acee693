import Sqlite from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../../src/db/database.ts'
import { createFilePort, type FileOperation } from '../../../src/files/file-port.ts'
import {
  addItem,
  codeOf,
  errorOf,
  itemMigrations,
  openTestDatabase,
} from '../../support/database.ts'

/** Lets syncs of the -wal wait until they are let go, and remembers how many began. */
function syncGate() {
  const waiting: { resolve(): void; reject(error: Error): void }[] = []
  let closed = false
  let begun = 0
  return {
    close: () => {
      closed = true
    },
    open: () => {
      closed = false
    },
    begun: () => begun,
    waiting,
    before: ({ name, path }: FileOperation): Promise<void> | undefined => {
      if (!closed || name !== 'datasync' || !path.endsWith('-wal')) return undefined
      begun += 1
      return new Promise<void>((resolve, reject) => {
        waiting.push({ resolve, reject })
      })
    },
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

describe('group commit', () => {
  test('jobs run in the order they came and resolve with what they return', async () => {
    await using db = await openTestDatabase()
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        db.database.write((writer) => {
          writer.prepare('INSERT INTO item (name) VALUES (?)').run(`n${index}`)
          return index
        }),
      ),
    )
    expect(results).toEqual(Array.from({ length: 200 }, (_, index) => index))
    expect(db.names()).toEqual(results.map((index) => `n${index}`))
  })

  test('jobs that wait together share one sync', async () => {
    let syncs = 0
    const before = ({ name }: FileOperation) => {
      if (name === 'datasync') syncs += 1
    }
    await using db = await openTestDatabase({ before })
    await addItem(db.database, 'warm')
    syncs = 0
    await Promise.all(Array.from({ length: 50 }, (_, index) => addItem(db.database, `n${index}`)))
    expect(syncs).toBeLessThan(10)
    expect(db.names()).toHaveLength(51)
  })

  test('a job that throws undoes itself, rejects with its own error and harms no other', async () => {
    await using db = await openTestDatabase()
    const mine = new Error('mine')
    const settled = await Promise.allSettled([
      addItem(db.database, 'first'),
      db.database.write((writer) => {
        writer.prepare("INSERT INTO item (name) VALUES ('half')").run()
        throw mine
      }),
      addItem(db.database, 'last'),
    ])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(settled[1]).toMatchObject({ reason: mine })
    expect(db.names()).toEqual(['first', 'last'])
  })

  test('a single job that throws leaves nothing, and the queue goes on', async () => {
    await using db = await openTestDatabase()
    const work = db.database.write((writer) => {
      writer.prepare("INSERT INTO item (name) VALUES ('half')").run()
      throw new Error('mine')
    })
    await expect(work).rejects.toThrow('mine')
    await addItem(db.database, 'next')
    expect(db.names()).toEqual(['next'])
  })

  test('an error of the driver is translated', async () => {
    await using db = await openTestDatabase()
    await addItem(db.database, 'once')
    const error = await errorOf(addItem(db.database, 'once'))
    expect(error.code).toBe('INTERNAL')
    expect(error.details).toMatchObject({ sqlite: 'SQLITE_CONSTRAINT_UNIQUE', file: db.path })
  })

  test('a job that returns a promise is refused and undone', async () => {
    await using db = await openTestDatabase()
    const job = (async (writer: Sqlite.Database) => {
      writer.prepare("INSERT INTO item (name) VALUES ('half')").run()
      await Promise.resolve()
    }) as unknown as () => number
    expect(await codeOf(db.database.write(job))).toBe('INTERNAL')
    expect(db.names()).toEqual([])
  })

  test('a job may use a transaction of the driver, and queue another job', async () => {
    await using db = await openTestDatabase()
    let second: Promise<void> | undefined
    await db.database.write((writer) => {
      writer.transaction(() => writer.exec("INSERT INTO item (name) VALUES ('inner')"))()
      second = addItem(db.database, 'second')
    })
    await second
    expect(db.names()).toEqual(['inner', 'second'])
  })

  test('long work is cut into batches, and the event loop turns between them', async () => {
    await using db = await openTestDatabase()
    let turns = 0
    let running = true
    const turn = (): void => {
      turns += 1
      if (running) setImmediate(turn)
    }
    const slow = Array.from({ length: 20 }, () =>
      db.database.write(() => {
        const end = performance.now() + 4
        while (performance.now() < end);
      }),
    )
    turn()
    await Promise.all(slow)
    running = false
    expect(turns).toBeGreaterThan(8)
  })
})

describe('durability', () => {
  test('nothing resolves before a sync that began after its commit', async () => {
    const gate = syncGate()
    await using db = await openTestDatabase({ before: gate.before })
    await addItem(db.database, 'warm')
    gate.close()
    const resolved: string[] = []
    const add = (name: string) => addItem(db.database, name).then(() => resolved.push(name))
    const first = add('first')
    await until(() => gate.waiting.length === 1)
    const second = add('second')
    const third = add('third')
    await until(() => db.names().length === 4)
    expect(resolved).toEqual([])
    expect(gate.begun()).toBe(1)

    gate.waiting[0]?.resolve()
    await first
    await until(() => gate.waiting.length === 2)
    expect(resolved).toEqual(['first'])
    expect(gate.begun()).toBe(2)

    gate.waiting[1]?.resolve()
    await Promise.all([second, third])
    expect(resolved).toEqual(['first', 'second', 'third'])
    expect(gate.begun()).toBe(2)
    gate.open()
  })

  test('a failed sync ends writing, not reading, and close copies nothing out of the -wal', async () => {
    const gate = syncGate()
    await using db = await openTestDatabase({ before: gate.before })
    await addItem(db.database, 'safe')
    await db.database.checkpoint()
    gate.close()
    const first = addItem(db.database, 'first')
    await until(() => gate.waiting.length === 1)
    const second = addItem(db.database, 'second')
    await until(() => db.names().length === 3)
    const cause = Object.assign(new Error('EIO: i/o error'), { code: 'EIO' })
    gate.waiting[0]?.reject(cause)

    const error = await errorOf(first)
    expect(error).toMatchObject({ code: 'STORAGE_IO', cause })
    expect(error.hint).toContain('restart')
    expect(await codeOf(second)).toBe('STORAGE_IO')
    expect(await codeOf(addItem(db.database, 'later'))).toBe('STORAGE_IO')
    expect(await codeOf(db.database.checkpoint())).toBe('STORAGE_IO')
    expect(db.failures).toEqual([error])
    expect(db.names()).toContain('safe')

    const walBytes = db.database.walBytes()
    expect(walBytes).toBeGreaterThan(0)
    await db.database.close()
    expect(await createFilePort().size(`${db.path}-wal`)).toBeGreaterThanOrEqual(walBytes)
    await using again = await openTestDatabase({ folder: db.path.replace(/\/test\.db$/, '') })
    expect(again.names()).toContain('safe')
  })

  test('a full database refuses what does not fit and goes on', async () => {
    await using db = await openTestDatabase()
    await addItem(db.database, 'before')
    await db.database.write((writer) => {
      const pages = Number(writer.pragma('page_count', { simple: true }))
      writer.pragma(`max_page_count = ${pages + 4}`)
    })
    const settled = await Promise.allSettled([
      addItem(db.database, 'beside'),
      addItem(db.database, 'large', new Uint8Array(100_000)),
      addItem(db.database, 'after'),
    ])
    expect(settled[1]).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_FULL' } })
    expect(settled[2]).toMatchObject({ status: 'fulfilled' })
    const [beside] = settled
    const kept =
      beside?.status === 'fulfilled' ? ['before', 'beside', 'after'] : ['before', 'after']
    expect(db.names()).toEqual(kept)
    expect(db.failures).toEqual([])
    expect(await codeOf(addItem(db.database, 'large', new Uint8Array(100_000)))).toBe(
      'STORAGE_FULL',
    )
    const walBytes = db.database.walBytes()
    await addItem(db.database, 'small')
    expect(db.names()).toEqual([...kept, 'small'])
    await expect.poll(() => db.database.walBytes()).toBeLessThan(walBytes)
  })

  test('a commit that fails rejects its jobs and nothing else', async () => {
    const migrations = [
      ...itemMigrations,
      {
        version: 2,
        name: 'parts',
        sql: `CREATE TABLE part (
          item INTEGER NOT NULL REFERENCES item (id) DEFERRABLE INITIALLY DEFERRED) STRICT`,
      },
    ]
    await using db = await openTestDatabase({ migrations })
    const orphan = db.database.write((writer) => {
      writer.prepare('INSERT INTO part (item) VALUES (99)').run()
    })
    const beside = addItem(db.database, 'beside')
    expect((await errorOf(orphan)).details).toMatchObject({
      sqlite: 'SQLITE_CONSTRAINT_FOREIGNKEY',
    })
    expect(await codeOf(beside)).toBe('INTERNAL')
    await addItem(db.database, 'next')
    expect(db.names()).toEqual(['next'])
    expect(db.failures).toEqual([])
  })

  test('while another program writes, jobs wait without blocking', async () => {
    await using db = await openTestDatabase()
    const other = new Sqlite(db.path, { timeout: 0 })
    other.exec('BEGIN IMMEDIATE')
    let done = false
    const write = addItem(db.database, 'patient').then(() => {
      done = true
    })
    const begun = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(performance.now() - begun).toBeLessThan(1000)
    expect(done).toBe(false)
    other.exec('ROLLBACK')
    await write
    other.close()
    expect(db.names()).toEqual(['patient'])
  })
})

describe('closing', () => {
  test('what was queued is written, later writes reject', async () => {
    await using db = await openTestDatabase()
    const last = Array.from({ length: 100 }, (_, index) => addItem(db.database, `n${index}`))
    const closing = db.database.close()
    expect(await codeOf(addItem(db.database, 'late'))).toBe('NODE_CLOSED')
    await Promise.all(last)
    await closing
    await db.database.close()
    expect(await codeOf(db.database.checkpoint())).toBe('NODE_CLOSED')
    await using again = await openTestDatabase({ folder: db.path.replace(/\/test\.db$/, '') })
    expect(again.names()).toHaveLength(100)
  })
})

describe('in memory', () => {
  test('the same queue without files, a worker or a sync', async () => {
    const files = createFilePort()
    await using database = await openDatabase({
      path: null,
      name: 'book',
      migrations: itemMigrations,
      pageBytes: 4096,
      files,
      worker: null,
    })
    const settled = await Promise.allSettled([
      addItem(database, 'a'),
      addItem(database, 'a'),
      addItem(database, 'b'),
    ])
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    await database.checkpoint()
    expect(database.walBytes()).toBe(0)
    expect(database.fileBytes()).toBeGreaterThan(0)
    expect(files.operations).toBe(0)
  })
})
