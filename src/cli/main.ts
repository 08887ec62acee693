import { VERSION } from '../node/version.ts'
import { keepCompiled } from './compile-cache.ts'
import { restartAsDaemon } from './restart.ts'

/** What is asked most often is answered before anything is loaded. */
async function main(args: readonly string[]): Promise<number> {
  if (args.length === 1 && (args[0] === '--version' || args[0] === '-V')) {
    console.log(VERSION)
    return 0
  }
  if (args[0] === 'daemon') restartAsDaemon()
  keepCompiled()
  const { run } = await import('./run.ts')
  return await run(args)
}

process.exit(await main(process.argv.slice(2)))
