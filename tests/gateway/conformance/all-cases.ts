import {
  carBytesCases,
  carOrderCases,
  carPathCases,
  carScopeCases,
  precedenceCases,
} from './car-cases.ts'
import type { Case } from './case.ts'
import { codecCases, nativeCases, pathingCases, plainCases } from './dag-cases.ts'
import {
  blockByCidCases,
  cacheCases,
  corsCases,
  listingCases,
  rangeCases,
  rawCases,
  unixfsCases,
} from './path-cases.ts'
import { tarCases } from './tar-cases.ts'

/** The suite's own names of its specs, and what they ask for; what needs IPNS is left out. */
export async function allCases(): Promise<ReadonlyMap<string, readonly Case[]>> {
  return new Map([
    ['trustless-block-gateway', await blockByCidCases()],
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
    ['path-raw-gateway', await rawCases()],
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
