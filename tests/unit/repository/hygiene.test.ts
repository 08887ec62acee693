import { globSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { describe, expect, it } from 'vitest'
import { repository } from '../../support/command.ts'

const OUTSIDE = new Set(['node_modules', 'dist', 'coverage', 'data', '.git'])
const TEXT = new Set(['.ts', '.mjs', '.json', '.md', '.sh', '.yaml', '.yml', '.sql', '.html', ''])

const files = globSync('{,.ci/}**/{*,.npmrc,.gitignore}', {
  cwd: repository,
  withFileTypes: true,
  exclude: (entry) => OUTSIDE.has(entry.name),
})
  .filter((entry) => entry.isFile() && TEXT.has(extname(entry.name)))
  .map((entry) => `${entry.parentPath}/${entry.name}`)
  .map((path) => ({ name: path.slice(repository.length), text: readFileSync(path, 'utf8') }))

/** The lines that have `pattern`, as `file:line: text`. */
function linesWith(pattern: RegExp, where: RegExp): readonly string[] {
  return files
    .filter(({ name }) => where.test(name))
    .flatMap(({ name, text }) =>
      text.split('\n').flatMap((line, index) => {
        return pattern.test(line) ? [`${name}:${index + 1}: ${line.trim().slice(0, 120)}`] : []
      }),
    )
}

describe('the files of the repository', () => {
  it('are all looked at', () => {
    const names = files.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['package.json', 'package-lock.json', '.npmrc', '.ci/run']),
    )
    expect(names).toContain('src/core/errors.ts')
    expect(names).toContain('tests/unit/repository/hygiene.test.ts')
    expect(linesWith(/^export type ErrorCode/, /^src\/core\/errors\.ts$/)).toHaveLength(1)
  })

  it('name no package registry: whose it is, is the business of the machine', () => {
    expect(linesWith(/regi[s]try\.(npmjs|yarnpkg)|npm[.]pkg|pr[o]xy\.golang/, /./)).toEqual([])
    expect(linesWith(/"resolved"/, /^package-lock\.json$/)).toEqual([])
  })

  it('name no path of the machine they were written on', () => {
    expect(linesWith(/\/w[o]rk\/|\/r[o]ot\/|\/h[o]me\/[a-z]|\.\.\/sh[a]red\//, /./)).toEqual([])
  })

  it('have no unfinished word and no test that does not run', () => {
    const unfinished = /\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b|not imple[m]ented|for n[o]w\b/i
    expect(linesWith(unfinished, /^(src|scripts|tests)\//)).toEqual([])
    const skipped =
      /\b(it|test|describe)(\.\w+)*\.(sk[i]p|on[l]y|to[d]o|fa[i]ls|skip[I]f|run[I]f)\b/
    expect(linesWith(skipped, /^tests\//)).toEqual([])
  })

  it('are at most 400 lines long', () => {
    const long = files
      .filter(({ name }) => /^(src|scripts)\//.test(name))
      .filter(({ text }) => text.split('\n').length > 401)
    expect(long.map(({ name }) => name)).toEqual([])
  })
})
