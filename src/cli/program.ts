import { Command, InvalidArgumentError, Option } from 'commander'
import { parseSize } from '../config/size.ts'
import { isPrsmError } from '../core/errors.ts'
import { VERSION } from '../node/version.ts'
import { exitCodes } from './exit-codes.ts'
import type { Session } from './session.ts'
import { clientFlags, daemonFlags, settingOption } from './settings.ts'

const CONTENT = 'a CID, CID/path/in/folder or ipfs://CID/path'
const EXAMPLE = 'bafkreibrs7etqa6n5gctx3x6uusqnzpsm3po47rqmbeb3ozz7tpxq7pnrm'

/** All commands. What a command needs is loaded when it runs. */
export function createProgram(session: Session): Command {
  const program = new Command('prsm')
    .description('Stores files and folders under their CIDs, and gives them back verified.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand(false)
    .exitOverride()
    // What went wrong is told by `report`, with --json as an object.
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', exitCodeText())
  addDaemon(program, session)
  addTransfers(program, session)
  addViews(program, session)
  addNetwork(program, session)
  addPins(program, session)
  addRepo(program, session)
  addDag(program, session)
  addConfig(program, session)
  return program
}

function addDaemon(program: Command, session: Session): void {
  const command = program
    .command('daemon')
    .description('Run the storage node and its HTTP API until Ctrl-C.')
    .action(async (options) => {
      const { daemon } = await import('./commands/daemon.ts')
      await daemon(session, options)
    })
  for (const name of daemonFlags) command.addOption(settingOption(name))
  finish(command, 'print where it listens as an object', ['prsm daemon --listen 127.0.0.1:0'])
}

function addTransfers(program: Command, session: Session): void {
  const add = program
    .command('add')
    .description('Store a file, a folder with all in it, or what comes on stdin; print its CID.')
    .argument('<path>', 'a file or folder; - is stdin')
    .option('--dereference', 'store what symbolic links point to; without it a link is an error')
    .option('--filename <NAME>', 'the name to list it under; default: that of the file')
    .option('--content-type <TYPE>', 'its media type; default: application/octet-stream')
    .option('--expected-sha256 <HEX>', 'fail unless the content has this SHA-256')
    .option('--pin <BOOLEAN>', 'false leaves it to the next collection', truth, true)
    .action(async (path, options) => {
      const command = await import('./commands/add.ts')
      await command.add(session, path, options)
    })
  talksToDaemon(add, 'progress and the result', [
    'prsm add model.safetensors',
    'prsm add --dereference ~/.cache/huggingface/hub/models--x/snapshots/y',
    'tar c dataset | prsm add - --filename dataset.tar',
    'prsm add --pin=false scratch.bin',
  ])
  const get = program
    .command('get')
    .description('Save a file or folder: written beside its place, synced, then renamed.')
    .argument('<content>', CONTENT)
    .option('--offline', 'ask no peer: only what is stored here')
    .option('-o, --output <PATH>', 'where to; must not exist; default: its last name, here')
    .action(async (content, options) => {
      const command = await import('./commands/get.ts')
      await command.get(session, content, options)
    })
  talksToDaemon(get, 'progress and the result', [`prsm get ${EXAMPLE} -o hello.txt`])
  const cat = program
    .command('cat')
    .description('Write a file, or a part of it, to stdout.')
    .argument('<content>', CONTENT)
    .option('--offline', 'ask no peer: only what is stored here')
    .option('--offset <BYTES>', 'the first byte wanted: a number, or one with KiB, MiB, …', size)
    .option('--length <BYTES>', 'how many bytes are wanted; default: all to the end', size)
    .action(async (content, options) => {
      const command = await import('./commands/cat.ts')
      await command.cat(session, content, options)
    })
  talksToDaemon(cat, 'errors (the content stays as it is)', [
    `prsm cat ${EXAMPLE} --offset 6 --length 4`,
  ])
}

function addViews(program: Command, session: Session): void {
  const ls = program
    .command('ls')
    .description('List a folder: CID, bytes and name of each entry; folders end in a slash.')
    .argument('<content>', CONTENT)
    .option('--offline', 'ask no peer: only what is stored here')
    .action(async (content, options) => {
      const command = await import('./commands/ls.ts')
      await command.ls(session, content, options)
    })
  talksToDaemon(ls, 'each entry', ['prsm ls bafybei…/weights'])
  const stat = program
    .command('stat')
    .description('Tell what a CID is: file or folder, its size, its blocks.')
    .argument('<content>', CONTENT)
    .option('--offline', 'ask no peer: only what is stored here')
    .action(async (content, options) => {
      const command = await import('./commands/stat.ts')
      await command.stat(session, content, options)
    })
  talksToDaemon(stat, 'the result', [`prsm stat ${EXAMPLE}`])
  const list = program
    .command('list')
    .description('List uploads, newest first.')
    .option('--limit <N>', 'how many at most; default: 100', count)
    .option('--before <ID>', 'only older ones: what the page before ended with', count)
    .action(async (options) => {
      const command = await import('./commands/list.ts')
      await command.list(session, options)
    })
  talksToDaemon(list, 'the page', ['prsm list --limit 20'])
  const status = program
    .command('status')
    .description('Tell what the daemon stores, where, and since when it runs.')
    .action(async (options) => {
      const command = await import('./commands/status.ts')
      await command.status(session, options)
    })
  talksToDaemon(status, 'the result', ['prsm status --json'])
}

function addNetwork(program: Command, session: Session): void {
  const id = program
    .command('id')
    .description('Print the peer ID of the daemon and the addresses others reach it by.')
    .action(async (options) => {
      const command = await import('./commands/id.ts')
      await command.id(session, options)
    })
  talksToDaemon(id, 'the result', ['prsm id'])
  const peer = program.command('peer').description('Look after the connections to other nodes.')
  const connect = peer
    .command('connect')
    .description('Connect to a node, to get what it has and to give it what is here.')
    .argument('<address>', 'what `prsm id` prints on its side, with /p2p/ and its ID')
    .action(async (address, options) => {
      const command = await import('./commands/peer.ts')
      await command.peerConnect(session, address, options)
    })
  talksToDaemon(connect, 'the connection', [
    'prsm peer connect /ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…',
  ])
  const disconnect = peer
    .command('disconnect')
    .description('End the connections to a node; one of PRSM_PEERS stays away until a restart.')
    .argument('<id>', 'its peer ID')
    .action(async (peerId, options) => {
      const command = await import('./commands/peer.ts')
      await command.peerDisconnect(session, peerId, options)
    })
  talksToDaemon(disconnect, 'its ID', ['prsm peer disconnect 12D3KooW…'])
  const ls = peer
    .command('ls')
    .description('List the nodes that are connected: ID, direction, address, program.')
    .action(async (options) => {
      const command = await import('./commands/peer.ts')
      await command.peerList(session, options)
    })
  talksToDaemon(ls, 'each connection', ['prsm peer ls'])
}

function addPins(program: Command, session: Session): void {
  const pin = program.command('pin').description('Keep content from being collected.')
  addPinning(pin, session)
  const remove = pin
    .command('rm')
    .description('Let content go: the next collection may take it. An upload stays in the list.')
    .argument('<cids...>', 'CIDs that are pinned')
    .action(async (cids, options) => {
      const command = await import('./commands/pin.ts')
      await command.pinRemove(session, cids, options)
    })
  talksToDaemon(remove, 'each pin that was removed', [`prsm pin rm ${EXAMPLE}`])
  const ls = pin
    .command('ls')
    .description('List what is pinned, in the order of the CIDs: CID, mode, name.')
    .option('--name <TEXT>', 'those that have this in their names')
    .addOption(modeOption('those of this mode'))
    .option('--quiet', 'print the CIDs alone')
    .action(async (options) => {
      const command = await import('./commands/pin.ts')
      await command.pinList(session, options)
    })
  talksToDaemon(ls, 'each pin', ['prsm pin ls', 'prsm pin ls --name llama --quiet'])
  const verify = pin
    .command('verify')
    .description('Look whether all that is pinned is here; exit 7 when something is missing.')
    .option('--read', 'read and hash every block; without it the index is asked')
    .action(async (options) => {
      const command = await import('./commands/pin.ts')
      await command.pinVerify(session, options)
    })
  talksToDaemon(verify, 'each check', ['prsm pin verify', 'prsm pin verify --read'])
}

function addPinning(pin: Command, session: Session): void {
  const add = pin
    .command('add')
    .description('Keep content, and fetch what is missing of it from peers; print its CID.')
    .argument('[contents...]', CONTENT)
    .addOption(modeOption('recursive keeps a DAG, direct the one block; default: recursive'))
    .addOption(
      new Option('--recursive <BOOLEAN>', 'false is --mode direct')
        .argParser(truth)
        .conflicts('mode'),
    )
    .option('--from-file <FILE>', 'pin what stands in it, one CID a line; - is stdin')
    .action(async (contents, options) => {
      const command = await import('./commands/pin.ts')
      await command.pinAdd(session, contents, options)
    })
  detailOptions(add)
  talksToDaemon(add, 'progress and each result', [
    `prsm pin add ${EXAMPLE} --name hello --meta origin=docs`,
    'prsm pin add --from-file cids.txt --expires 2030-01-31T00:00:00Z',
  ])
  const update = pin
    .command('update')
    .description('Pin a CID instead of another, in one step, with its name and metadata.')
    .argument('<from>', 'a CID that is pinned')
    .argument('<to>', CONTENT)
    .option('--unpin <BOOLEAN>', 'false keeps the pin that is replaced', truth, true)
    .action(async (from, to, options) => {
      const command = await import('./commands/pin.ts')
      await command.pinUpdate(session, [from, to], options)
    })
  detailOptions(update)
  talksToDaemon(update, 'progress and the result', ['prsm pin update bafybei… bafybei…'])
}

function detailOptions(command: Command): void {
  command
    .option('--name <NAME>', 'what to call the pin')
    .option('--meta <KEY=VALUE>', 'a fact to keep with the pin; may be given often', fact)
    .option('--expires <TIME>', 'when it ends, such as 2030-01-31T00:00:00Z; never: not', time)
    .option('--offline', 'ask no peer: only what is stored here')
}

function modeOption(meaning: string): Option {
  return new Option('--mode <MODE>', meaning).choices(['recursive', 'direct'])
}

function addRepo(program: Command, session: Session): void {
  const repo = program.command('repo').description('Look after the store.')
  const collect = repo
    .command('gc')
    .description('Take what nothing keeps: no pin, no upload that goes on, no reader.')
    .option('--dry-run', 'count what would go, and take nothing')
    .option('--free <SIZE>', 'end when so much was freed; default: take all of it', size)
    .action(async (options) => {
      const command = await import('./commands/repo.ts')
      await command.collect(session, options)
    })
  const stat = repo
    .command('stat')
    .description(
      'Show what was uploaded, what is stored of it and what that saves, and what it takes on the disk.',
    )
    .action(async (options) => {
      const command = await import('./commands/repo.ts')
      await command.repoStat(session, options)
    })
  talksToDaemon(stat, 'the figures', ['prsm repo stat'])
  talksToDaemon(collect, 'the result', ['prsm repo gc --dry-run', 'prsm repo gc --free 10GiB'])
}

function addDag(program: Command, session: Session): void {
  const dag = program.command('dag').description('Move DAGs as they are, block by block.')
  const imports = dag
    .command('import')
    .description('Store the blocks of CAR archives, each verified; print the CIDs of their roots.')
    .argument('<files...>', 'CAR files, version 1 or 2; - is stdin')
    .option('--pin <BOOLEAN>', 'false leaves the roots to the next collection', truth, true)
    .action(async (paths, options) => {
      const command = await import('./commands/dag-import.ts')
      await command.dagImport(session, paths, options)
    })
  talksToDaemon(imports, 'progress and the result', [
    'prsm dag import dataset.car',
    'prsm dag import --pin=false blocks.car',
  ])
}

function addConfig(program: Command, session: Session): void {
  const config = program.command('config').description('Look at the configuration.')
  const show = config
    .command('show')
    .description('Print every setting, its value and where that comes from; no secret is shown.')
    .action(async (options) => {
      const command = await import('./commands/config-show.ts')
      await command.configShow(session, options)
    })
  for (const name of new Set([...daemonFlags, ...clientFlags])) show.addOption(settingOption(name))
  finish(show, 'print each setting as an object', ['prsm config show'])
}

function talksToDaemon(command: Command, what: string, examples: readonly string[]): void {
  for (const name of clientFlags) command.addOption(settingOption(name))
  finish(command, `print ${what} as objects, one a line`, examples)
}

function finish(command: Command, json: string, examples: readonly string[]): void {
  command.option('--json', json)
  const title = examples.length === 1 ? 'Example' : 'Examples'
  command.addHelpText('after', `\n${title}:\n${examples.map((line) => `  $ ${line}`).join('\n')}`)
}

function exitCodeText(): string {
  const lines = Object.values(exitCodes).map(
    ([code, meaning]) => `  ${`${code}`.padEnd(5)}${meaning}`,
  )
  return `\nExit codes:\n${lines.join('\n')}`
}

function size(text: string): number {
  try {
    return parseSize(text)
  } catch (error) {
    if (!isPrsmError(error)) throw error
    throw new InvalidArgumentError(error.hint ?? error.message)
  }
}

function truth(text: string): boolean {
  if (text === 'true' || text === 'false') return text === 'true'
  throw new InvalidArgumentError('It is true or false.')
}

/** One `KEY=VALUE` more. */
function fact(text: string, before: Readonly<Record<string, string>> = {}) {
  const at = text.indexOf('=')
  if (at < 1) throw new InvalidArgumentError('It is KEY=VALUE.')
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) }
}

/** A time, of this machine's zone where it names none. */
function time(text: string): Date | 'never' {
  if (text === 'never') return text
  const value = new Date(text)
  if (!Number.isNaN(value.getTime())) return value
  throw new InvalidArgumentError('It is a time, such as 2030-01-31T00:00:00Z, or never.')
}

function count(text: string): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidArgumentError('It is a whole number above 0.')
}
