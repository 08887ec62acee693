import { type Case, contains, type Expected } from './case.ts'

/** What a case is asked for besides itself: all of it, one range of it, two ranges of it. */
type Ranged = { readonly content: Uint8Array; readonly contentType: string }

/** `base` as it is, whole, plus with one and with two ranges: each may be answered whole or in part. */
export function withRanges(base: Case, ranged: Ranged): readonly Case[] {
  const whole: Case = {
    ...base,
    name: `${base.name}, whole`,
    expect: { ...base.expect, status: 200, body: ranged.content },
  }
  return [whole, ...onlyRanges(base, ranged)]
}

/** The two with ranges alone. */
export function onlyRanges(base: Case, { content, contentType }: Ranged): readonly Case[] {
  const part = (start: number, end: number) => content.subarray(start, end + 1)
  const told = (start: number, end: number) => `bytes ${start}-${end}/${content.length}`
  const asked = (name: string, Range: string, or: readonly Expected[]): Case => ({
    ...base,
    name: `${base.name}, ${name}`,
    headers: { ...base.headers, Range },
    or,
  })
  return [
    asked('one range', 'bytes=7-9', [
      { status: 206, headers: { 'content-range': told(7, 9) }, body: part(7, 9) },
      { status: 200, body: content },
    ]),
    asked('two ranges', 'bytes=7-9,1-3', [
      { status: 200, headers: { 'content-type': contentType }, body: content },
      {
        status: 206,
        headers: { 'content-range': told(7, 9), 'content-type': contentType },
        body: part(7, 9),
      },
      {
        status: 206,
        headers: { 'content-type': /multipart\/byteranges/ },
        body: contains(
          `Content-Type: ${contentType}`,
          `Content-Range: ${told(7, 9)}`,
          Buffer.from(part(7, 9)).toString(),
          Buffer.from(part(1, 3)).toString(),
        ),
      },
    ]),
  ]
}
