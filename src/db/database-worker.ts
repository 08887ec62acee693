import { parentPort } from 'node:worker_threads'
import { fromSqlite } from './sqlite-errors.ts'
import type { WorkerRequest, WorkerResponse } from './worker.ts'
import { type OperationName, operations } from './worker-operations.ts'

/** An operation as the thread sees it: what it takes is typed where it was asked for. */
type AnyOperation = (input: unknown) => unknown

async function answer({ id, name, input }: WorkerRequest): Promise<WorkerResponse> {
  try {
    const operation = operations[name as OperationName] as AnyOperation
    return { id, value: await operation(input) }
  } catch (error) {
    const { code, message, hint, details } = fromSqlite(error, fileOf(input))
    return { id, error: { code, message, hint, details } }
  }
}

function fileOf(input: unknown): string | undefined {
  if (typeof input !== 'object' || input === null || !('path' in input)) return undefined
  return typeof input.path === 'string' ? input.path : undefined
}

parentPort?.postMessage('ready')
parentPort?.on('message', (request: WorkerRequest) => {
  void answer(request).then((response) => parentPort?.postMessage(response))
})
