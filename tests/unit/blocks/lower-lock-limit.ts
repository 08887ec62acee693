import { limits } from '../../../src/core/limits.ts'

/** Loaded by a thread before its own module: it has limits of its own. */
Object.assign(limits, { writeLockMs: 400 })
