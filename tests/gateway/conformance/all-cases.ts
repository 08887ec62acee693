import {
  carBytesCases,
  carOrderCases,
  carPathCases,
  carScopeCases,
  precedenceCases,
} from './car-cases.ts'
import type { Case } from './case.ts'
import { codecCases, nativeCases, pathingCases, plainCases } from './dag-cases.ts'
import { openFixture } from './fixture.ts'
import {
  cacheCases,
  corsCases,
  listingCases,
  rangeCases,
  rawCases,
  unixfsCases,
} from './path-cases.ts'
import { onlyRanges } from './range-cases.ts'
import { tarCases } from './tar-cases.ts'

/** The suite's own names of its specs, and what they ask for; what needs IPNS is left out. */
export async function allCases(): Promise<ReadonlyMap<string, readonly Case[]>> {
  return new Map([
    ['trustless-block-gateway', [...(await rawCases()), ...(await rawRangeCases())]],
    [
      'trustless-car-gateway',
      [
        ...(await carPathCases()),
        ...(await carScopeCases()),
        ...(await carBytesCases()),
        ...(await precedenceCases()),
      ],
    ],
    ['trustless-car-gateway-optional', await carOrderCases()],
    [
      'path-unixfs-gateway',
      [
        ...corsCases(),
        ...(await listingCases()),
        ...(await cacheCases()),
        ...(await unixfsCases()),
      ],
    ],
    ['path-range-gateway', await rangeCases()],
    ['path-tar-gateway', await tarCases()],
    [
      'path-dag-gateway',
      [
        ...(await codecCases()),
        ...(await plainCases()),
        ...(await pathingCases()),
        ...(await nativeCases()),
      ],
    ],
  ])
}

/** TestTrustlessRawRanges. */
async function rawRangeCases(): Promise<readonly Case[]> {
  const fixture = await openFixture('gateway-raw-block.car')
  const headers = { Accept: 'application/vnd.ipld.raw' }
  return onlyRanges(
    { name: 'a raw block', path: `/ipfs/${fixture.at('dir', 'ascii.txt')}`, headers, expect: {} },
    { content: fixture.block('dir', 'ascii.txt'), contentType: 'application/vnd.ipld.raw' },
  )
}
