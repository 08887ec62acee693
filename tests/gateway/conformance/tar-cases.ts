import { Readable } from 'node:stream'
import { extract } from 'tar-stream'
import type { Case } from './case.ts'
import { openFixture } from './fixture.ts'

const TEXT = 'I am a txt file on path with utf8\n'

/** TestTar. */
export async function tarCases(): Promise<readonly Case[]> {
  const outside = (await openFixture('path_gateway_tar/outside-root.car')).root
  const inside = (await openFixture('path_gateway_tar/inside-root.car')).root
  const fixture = await openFixture('path_gateway_tar/fixtures.car')
  const file = fixture.at('ą', 'ę', 'file-źł.txt')
  const headers = {
    'content-disposition': /attachment;/,
    etag: (value: string) => value.includes(`W/"${file}.x-tar`),
    'content-type': /application\/x-tar/,
  }
  return [
    {
      name: 'TAR of a file by format=',
      path: `/ipfs/${file}?format=tar`,
      expect: { status: 200, headers, body: tarWith(`${file}`, TEXT) },
    },
    {
      name: 'TAR of a file by Accept',
      path: `/ipfs/${file}`,
      headers: { Accept: 'application/x-tar' },
      expect: { status: 200, headers, body: tarWith(`${file}`, TEXT) },
    },
    {
      name: 'TAR of a folder',
      path: `/ipfs/${fixture.root}?format=tar`,
      expect: { status: 200, body: tarWith(`${fixture.root}/ą/ę/file-źł.txt`, TEXT) },
    },
    {
      name: 'TAR under another name',
      path: `/ipfs/${fixture.root}?format=tar&filename=test%D1%82%D0%B5%D1%81%D1%82.tar`,
      expect: {
        status: 200,
        headers: {
          'content-disposition': (value) =>
            value.includes(
              `attachment; filename="test____.tar"; filename*=UTF-8''test%D1%82%D0%B5%D1%81%D1%82.tar`,
            ),
        },
      },
    },
    {
      name: 'TAR of a folder with a name that leaves it',
      path: `/ipfs/${outside}?format=tar`,
      expect: { status: [400, 599] },
    },
    {
      name: 'TAR of a folder with a name that leaves it and comes back',
      path: `/ipfs/${inside}?format=tar`,
      expect: { status: 200, body: tarWith(`${inside}/foobar/file`) },
    },
  ]
}

/**
 * A whole archive that has a `file`, with this content when one is given, and each member's folder
 * before the member: a name that was read wrong would be one without its folder.
 */
function tarWith(file: string, content?: string): (body: Uint8Array) => Promise<void> {
  return async (body) => {
    const files = new Map<string, string>()
    for await (const entry of Readable.from([body]).pipe(extract())) {
      const chunks = await Array.fromAsync(entry, Buffer.from)
      // Kubo writes the names of folders without the slash at their end.
      const name = entry.header.name.replace(/\/$/, '')
      const folder = name.slice(0, Math.max(name.lastIndexOf('/'), 0))
      if (folder !== '' && !files.has(folder)) throw new Error(`has no ${folder}`)
      files.set(name, Buffer.concat(chunks).toString())
    }
    const found = files.get(file)
    if (found === undefined) throw new Error(`has no ${file}, only ${[...files.keys()].join(', ')}`)
    if (content !== undefined && found !== content) throw new Error(`${file} is ${found}`)
  }
}
