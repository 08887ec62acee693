import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { assertSupportedNode, OLDEST_NODE } from '../../../src/core/supported-node.ts'

describe('the Node this runs on', () => {
  it('is the one package.json asks for', async () => {
    const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
    expect(JSON.parse(text).engines.node).toBe(`>=${OLDEST_NODE}`)
  })

  it.each(['24.15.0', '24.21.0', '26.0.0', '100.0.0'])('may be %s', (version) => {
    expect(() => assertSupportedNode(version)).not.toThrow()
  })

  it.each(['20.20.2', '22.19.0', '24.14.9', '4.99.0'])('is not %s', (version) => {
    expect(() => assertSupportedNode(version)).toThrow(
      expect.objectContaining({
        code: 'UNSUPPORTED_PLATFORM',
        message: `PRSM needs Node ${OLDEST_NODE}, this is ${version}`,
      }),
    )
  })
})
