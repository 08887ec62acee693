import { join } from 'node:path'
import { repository } from './command.ts'

/** The data files of the public suite gateway-conformance. */
export const fixtures = join(repository, 'tests/fixtures/gateway')
