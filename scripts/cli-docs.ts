/** Writes the commands and exit codes of docs/CLI.md from the program's own help: `node scripts/cli-docs.ts`. */
import { readFile, writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { exitCodes } from '../src/cli/exit-codes.ts'
import { createProgram } from '../src/cli/program.ts'
import { openSession } from '../src/cli/session.ts'

export const cliDocs = new URL('../docs/CLI.md', import.meta.url)

const WIDTH = 100

/** `page` with what is between its markers made anew. Throws when a marker is missing. */
export function withCommands(page: string): string {
  return between(between(page, 'commands', commands()), 'exit codes', exitCodeTable())
}

function between(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name}: made by scripts/cli-docs.ts -->`, `<!-- /${name} -->`]
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from === -1 || to < from) throw new Error(`no marker ${start} before ${end}`)
  return `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`
}

function commands(): string {
  const program = createProgram(openSession(false))
  return leaves(program)
    .map((command) => `### ${nameOf(command)}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``)
    .join('\n\n')
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (more) => (text += more), getOutHelpWidth: () => WIDTH })
  command.outputHelp()
  return text.trim()
}

function exitCodeTable(): string {
  const rows = Object.values(exitCodes).map(([code, meaning]) => `| ${code} | ${meaning} |`)
  return ['| code | meaning |', '| --- | --- |', ...rows].join('\n')
}

if (import.meta.main) {
  await writeFile(cliDocs, withCommands(await readFile(cliDocs, 'utf8')))
}
