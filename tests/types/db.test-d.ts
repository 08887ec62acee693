import { expectTypeOf, test } from 'vitest'
import type { Database } from '../../src/db/database.ts'
import { statement } from '../../src/db/statement.ts'

declare const database: Database

test('a write job returns a value, never a promise', () => {
  expectTypeOf(database.write(() => 7)).resolves.toEqualTypeOf<number>()
  expectTypeOf(database.write(() => {})).resolves.toEqualTypeOf<void>()
  expectTypeOf(database.write((writer) => writer.prepare('x').get())).resolves.toBeUnknown()
  // @ts-expect-error an async function
  void database.write(async () => 7)
  // @ts-expect-error a promise
  void database.write(() => Promise.resolve())
  // @ts-expect-error perhaps a promise
  void database.write((): number | Promise<number> => 7)
})

test('a statement knows its parameters and its row', () => {
  const find = statement<[number, string], { size: number }>('x')
  const named = statement<{ id: number }, { size: number }>('x')
  const { reader } = database
  expectTypeOf(find.get(reader, 1, 'a')).toEqualTypeOf<{ size: number } | undefined>()
  expectTypeOf(named.all(reader, { id: 1 })).toEqualTypeOf<{ size: number }[]>()
  // @ts-expect-error too few
  find.get(reader, 1)
  // @ts-expect-error the wrong type
  find.get(reader, 'a', 1)
  // @ts-expect-error the wrong name
  named.get(reader, { name: 1 })
})
