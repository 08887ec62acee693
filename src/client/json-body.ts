import type { ApiRequest } from './api.ts'

/** What a request has whose body is `value` as JSON. */
export function jsonBody(value: object): Required<Pick<ApiRequest, 'headers' | 'body'>> {
  const headers = { 'content-type': 'application/json' }
  return { headers, body: once(Buffer.from(JSON.stringify(value))) }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
