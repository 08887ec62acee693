import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { describeSettings } from '../../../src/config/describe.ts'
import { environmentSource } from '../../../src/config/environment-source.ts'
import { fromText, setting } from '../../../src/config/setting.ts'
import { settle } from '../../../src/config/settle.ts'
import { PrsmError } from '../../../src/core/errors.ts'

const table = {
  token: setting<string | undefined>({
    key: 'token',
    variable: 'PRSM_TOKEN',
    flag: '--token TOKEN',
    type: fromText((text) => {
      if (text.length >= 4) return text
      throw new PrsmError('INVALID_INPUT', `${text} is too short`)
    }),
    fallback: undefined,
    unit: 'secret',
    meaning: 'opens the door',
    secret: true,
    show: String,
  }),
}

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'prsm-secret-'))
})

afterEach(() => rm(folder, { recursive: true }))

const read = (env: Record<string, string>) => environmentSource(table, env, folder)

describe('a secret', () => {
  it('comes from the file that PRSM_…_FILE names, without its line break', async () => {
    await writeFile(join(folder, 'token'), 'hunter2 \n')
    const source = await read({ PRSM_TOKEN_FILE: 'token' })
    expect(source.warnings).toEqual([])
    const { values, origins } = settle(table, [source])
    expect(values.token).toBe('hunter2 ')
    expect(origins.token).toBe('PRSM_TOKEN_FILE')
  })

  it('is never shown', async () => {
    const { values, origins } = settle(table, [await read({ PRSM_TOKEN: 'hunter2' })])
    expect(values.token).toBe('hunter2')
    expect(describeSettings(table, values, origins)).toEqual([
      { name: 'token', variable: 'PRSM_TOKEN', value: 'set, not shown', origin: 'PRSM_TOKEN' },
    ])
    const unset = settle(table, [])
    expect(describeSettings(table, unset.values, unset.origins)[0]?.value).toBe('not set')
  })

  it('is not repeated by the fault it has', async () => {
    const source = await read({ PRSM_TOKEN: 'abc' })
    const settling = () => settle(table, [source])
    expect(settling).toThrow('PRSM_TOKEN: the value is not valid (a secret is not shown)')
    expect(settling).not.toThrow('abc')
  })

  it('is a fault when it is given twice, or its file is empty or missing', async () => {
    await writeFile(join(folder, 'empty'), '\n')
    const fault = async (env: Record<string, string>) => (await read(env)).faults[0]
    expect(await fault({ PRSM_TOKEN: 'abcd', PRSM_TOKEN_FILE: 'empty' })).toEqual({
      origin: 'PRSM_TOKEN_FILE',
      message: 'PRSM_TOKEN is set, too; keep one of the two',
    })
    expect(await fault({ PRSM_TOKEN_FILE: 'empty' })).toMatchObject({ origin: 'PRSM_TOKEN_FILE' })
    expect((await fault({ PRSM_TOKEN_FILE: 'none' }))?.message).toContain('ENOENT')
    expect(() =>
      settle(table, [{ given: {}, faults: [{ origin: 'X', message: 'm' }], warnings: [] }]),
    ).toThrow(/X: m/)
  })
})
