import { describe, expect, test } from 'vitest'
import { problem } from '../../src/api/schemas.ts'
import { type ErrorCode, PrsmError } from '../../src/core/errors.ts'
import { fromFramework, problemOf } from '../../src/http/problem.ts'
import { statusOf } from '../../src/http/status.ts'

const codes = Object.keys(statusOf) as ErrorCode[]

describe('problemOf', () => {
  test.each(codes)('%s fits the schema under its status', (code) => {
    const error = new PrsmError(code, 'what happened', { hint: 'what to do', details: { n: 1 } })
    const body = problemOf(error, { requestId: 'r', instance: '/x' })
    expect(problem.parse(body)).toEqual(body)
    expect(body).toMatchObject({
      type: 'about:blank',
      status: statusOf[code],
      code,
      instance: '/x',
    })
    expect(body.title).not.toBe('Error')
  })

  test('shows the message and hint of a fault of the store', () => {
    const error = new PrsmError('STORAGE_FULL', 'the disk is full', { hint: 'make room' })
    expect(problemOf(error, { requestId: 'r' })).toMatchObject({
      status: 507,
      detail: 'the disk is full',
      hint: 'make room',
    })
  })

  test('shows of a fault of ours the request id and nothing else', () => {
    const secret = 'postgres://user:password@host'
    const error = new PrsmError('INTERNAL', secret, { hint: secret, details: { secret } })
    const body = problemOf(error, { requestId: 'find-me' })
    expect(JSON.stringify(body)).not.toContain(secret)
    expect(body.detail).toContain('find-me')
  })

  test('the status can be another one, and the title is its phrase', () => {
    const body = problemOf(new PrsmError('INVALID_INPUT', 'x'), { requestId: 'r', status: 414 })
    expect(body).toMatchObject({ status: 414, title: 'URI Too Long', code: 'INVALID_INPUT' })
  })
})

describe('fromFramework', () => {
  const framework = (code: string, statusCode: number) =>
    Object.assign(new Error('words of the framework'), { code, statusCode })

  test('takes a refusal of the framework for bad input', () => {
    const { error, status } = fromFramework(framework('FST_ERR_BAD_URL', 400))
    expect([error.code, status]).toEqual(['INVALID_INPUT', 400])
  })

  test('takes a failure of the framework, and any other error, for ours', () => {
    for (const thrown of [
      framework('FST_ERR_X', 500),
      framework('EIO', 400),
      new Error('x'),
      'x',
    ]) {
      const { error, status } = fromFramework(thrown)
      expect([error.code, status]).toEqual(['INTERNAL', undefined])
    }
  })

  test('lets our own errors through', () => {
    const error = new PrsmError('INVALID_CID', 'x')
    expect(fromFramework(error)).toEqual({ error })
  })
})
