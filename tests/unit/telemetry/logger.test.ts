import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { PrsmError } from '../../../src/core/errors.ts'
import { parseLogSpec } from '../../../src/core/log-spec.ts'
import { child, createLogger, silentLogger } from '../../../src/telemetry/logger.ts'
import { readable } from '../../../src/telemetry/readable-log.ts'

function logTo(lines: string[], spec: string) {
  return createLogger(parseLogSpec(spec), { destination: { write: (line) => lines.push(line) } })
}

describe('createLogger', () => {
  test('writes one JSON object a line with level, time and component', () => {
    const lines: string[] = []
    child(logTo(lines, 'info'), 'http').info({ status: 200 }, 'answered')
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      component: 'http',
      status: 200,
      msg: 'answered',
    })
  })

  test('gives each component the level of its own, and its children too', () => {
    const lines: string[] = []
    const logger = logTo(lines, 'warn,debug:http')
    const http = child(logger, 'http')
    logger.info('dropped')
    child(logger, 'db').info('dropped')
    http.debug('kept 1')
    http.child({ request: 7 }).debug('kept 2')
    http.trace('dropped')
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['kept 1', 'kept 2'])
  })

  test('two loggers do not share levels', () => {
    const quiet: string[] = []
    const loud: string[] = []
    const first = child(logTo(quiet, 'error'), 'http')
    child(logTo(loud, 'trace:http'), 'http').trace('loud')
    first.info('dropped')
    expect([quiet.length, loud.length]).toEqual([0, 1])
  })

  test('redacts secrets down to three levels', () => {
    const lines: string[] = []
    const secret = 'hunter2'
    logTo(lines, 'info').info({
      authorization: secret,
      headers: { cookie: secret, 'set-cookie': secret, accept: 'x' },
      req: { headers: { authorization: secret } },
      options: { apiKey: secret, password: secret, token: secret },
    })
    expect(lines[0]).not.toContain(secret)
    expect(lines[0]).toContain('"accept":"x"')
  })

  test('an error is written with its code and its cause', () => {
    const lines: string[] = []
    const error = new PrsmError('STORAGE_IO', 'cannot read', { cause: new Error('EIO') })
    logTo(lines, 'info').error({ err: error }, 'failed')
    expect(lines[0]).toContain('STORAGE_IO')
    expect(lines[0]).toContain('EIO')
  })

  test('writes to standard error and nothing to standard output', async () => {
    const module = new URL('../../../src/telemetry/logger.ts', import.meta.url).href
    const code = `import { createLogger, silentLogger } from ${JSON.stringify(module)}
      createLogger({ level: 'info', components: {} }).info('hello')
      silentLogger.fatal('nothing')`
    const run = promisify(execFile)
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '-e', code])
    expect(stdout).toBe('')
    expect(JSON.parse(stderr).msg).toBe('hello')
  })

  test('silentLogger has every level off, children too', () => {
    expect(child(silentLogger, 'http').isLevelEnabled('fatal')).toBe(false)
  })
})

describe('readable', () => {
  test('shows time, level, component, message and facts', () => {
    const line =
      '{"level":"warn","time":"2026-01-02T03:04:05.678Z","component":"http","msg":"slow","ms":12,"path":"a b"}\n'
    expect(readable(line)).toBe('03:04:05.678 warn  [http] slow ms=12 path="a b"\n')
  })

  test('shows the stack of an error below', () => {
    expect(readable('{"level":"error","msg":"failed","err":{"stack":"Error: x\\n  at y"}}')).toBe(
      ' error failed\nError: x\n  at y\n',
    )
  })

  test.each(['not json\n', '7', 'null'])('lets %j through as it is', (line) => {
    expect(readable(line)).toBe(line)
  })
})
