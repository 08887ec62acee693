import { CommanderError } from 'commander'
import { PrsmError } from '../core/errors.ts'
import { exitCodes } from './exit-codes.ts'
import { createProgram } from './program.ts'
import { openSession, report } from './session.ts'

/** Runs one command line. Returns what to exit with; everything it had to say is said. */
export async function run(args: readonly string[]): Promise<number> {
  const options = args.includes('--') ? args.slice(0, args.indexOf('--')) : args
  const session = openSession(options.includes('--json'))
  try {
    await createProgram(session).parseAsync([...args], { from: 'user' })
    return exitCodes.ok[0]
  } catch (error) {
    if (!(error instanceof CommanderError)) return report(session, error)
    if (error.exitCode === 0) return exitCodes.ok[0]
    // Called without a command: the help was printed.
    if (error.code === 'commander.help') return exitCodes.usage[0]
    return report(session, usageError(error))
  }
}

function usageError(error: CommanderError): PrsmError {
  const message = error.message.replace(/^error: /, '')
  return new PrsmError('INVALID_INPUT', message, {
    hint: 'see prsm --help, or prsm COMMAND --help',
    cause: error,
  })
}
