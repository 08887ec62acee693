import { type ErrorCode, isPrsmError } from '../core/errors.ts'
import { exitCodeOf } from './exit-codes.ts'
import { AlreadyTold, type Session } from './session.ts'

/** After these the others would fail as well. */
const FINAL: ReadonlySet<ErrorCode> = new Set(['CANCELLED', 'DAEMON_UNREACHABLE', 'NODE_CLOSED'])

/** Does the same with each content. What fails is told, and does not stop the others; the first one's code is exited with. */
export async function forEach(
  session: Session,
  contents: AsyncIterable<string> | Iterable<string>,
  act: (content: string) => Promise<void>,
): Promise<void> {
  let exitCode: number | undefined
  for await (const content of contents) {
    try {
      await act(content)
    } catch (error) {
      if (session.signal.aborted || !isPrsmError(error) || FINAL.has(error.code)) throw error
      session.complain(content, error)
      exitCode ??= exitCodeOf(error.code)
    }
  }
  if (exitCode !== undefined) throw new AlreadyTold(exitCode)
}
