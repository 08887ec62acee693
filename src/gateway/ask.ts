import type { CID } from 'multiformats/cid'
import type { BlockSession } from '../core/block-source.ts'
import type { NodeCache } from '../unixfs/node-cache.ts'

/** What an answer is made as. Each has its responder, and is a label of the metrics. */
export type Format =
  | 'unixfs'
  | 'raw'
  | 'car'
  | 'tar'
  | 'dag-json'
  | 'dag-cbor'
  | 'json'
  | 'cbor'
  | 'ipns-record'

/** One request, checked, with all a responder needs. */
export type Ask = {
  readonly method: 'GET' | 'HEAD'
  readonly root: CID
  /** The root as it stood in the URL: another base or version names the same content. */
  readonly rootText: string
  /** Percent-decoded names below the root; empty ones are dropped. */
  readonly path: readonly string[]
  /** True when the path of the URL ends in a slash. */
  readonly trailingSlash: boolean
  /** The path of the URL as it came, without its query. */
  readonly urlPath: string
  readonly query: URLSearchParams
  /** Lower-case names; one header that came twice is joined with commas. */
  header(name: string): string | undefined
  readonly format: Format
  /** Parameters of the media type that was accepted (`dups`, `order`, `version` of a CAR). */
  readonly formatParameters: ReadonlyMap<string, string>
  /**
   * True when the format was named by `format=` or `Accept`. False for `unixfs`, and for `dag-json`,
   * `dag-cbor`, `json` or `cbor` when the codec at the end of the path is that and nobody asked for
   * anything: then an `Accept` with `text/html` wants a page.
   */
  readonly formatAsked: boolean
  /** Where blocks come from; with `Cache-Control: only-if-cached` it asks nobody. */
  readonly blocks: BlockSession
  readonly nodes: NodeCache
  /** A file of more bytes is read without a trace in the memory cache. */
  readonly passingBytes?: number
  /** Bytes that may be read ahead of the client, of this request's part of the gateway's memory. */
  readonly readAheadBytes?: number
  readonly signal: AbortSignal
}

/**
 * Headers are the responder's own, in lower case: content-type, content-length, etag, cache-control,
 * content-disposition, accept-ranges, x-ipfs-roots. The door (`serve.ts`) adds what all answers have: CORS,
 * x-content-type-options, x-ipfs-path, vary. `contentReply` (`content-reply.ts`) makes answers of bytes
 * whose size is known: 304, HEAD, ranges.
 *
 * What a responder gives: a head, and a body that is pulled as fast as the client takes it. For HEAD
 * the body is left out, with the headers of the GET. Errors are thrown as `PrsmError`, before the
 * head where they can be seen; one of the body cuts the connection.
 */
export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>
  /** Overrides the label of the metrics, as `directory` for a listing. */
  readonly label?: string
}

export type Responder = (ask: Ask) => Promise<Reply>
