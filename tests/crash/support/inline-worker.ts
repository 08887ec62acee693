import { fromSqlite } from '../../../src/db/sqlite-errors.ts'
import type { DatabaseWorker } from '../../../src/db/worker.ts'
import {
  type Input,
  type OperationName,
  type Output,
  operations,
} from '../../../src/db/worker-operations.ts'

export type WorkerWatch = {
  before(name: OperationName, path: string): void
  after(name: OperationName, path: string): void
}

type AnyOperation = (input: unknown) => unknown

/**
 * What the database worker does, on this thread: nothing of the node runs beside it, so that what a
 * checkpoint has synced is known exactly before and after each.
 */
export function inlineWorker(watch?: WorkerWatch): DatabaseWorker {
  const close = async () => {}
  return {
    async request<Name extends OperationName>(name: Name, input: Input<Name>) {
      const { path } = input
      watch?.before(name, path)
      try {
        const operation = operations[name] as AnyOperation
        return (await operation(input)) as Output<Name>
      } catch (error) {
        throw fromSqlite(error, path)
      } finally {
        watch?.after(name, path)
      }
    },
    readyToStore: () => true,
    close,
    [Symbol.asyncDispose]: close,
  }
}
