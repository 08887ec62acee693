#!/usr/bin/env node
// The only file that an older Node reads: plain JavaScript of Node 12, no static import, so that the
// wrong Node gets a sentence and not a crash. Older ones die in the SQLite driver without a word.
const OLDEST = [24, 15]
const WRONG_NODE = 9

/** `main.ts` in a clone, else `dist`: Node refuses TypeScript below node_modules. */
function main(fs, url) {
  const here = url.fileURLToPath(new URL('.', import.meta.url))
  const inClone = here.indexOf('node_modules') === -1 && fs.existsSync(`${here}main.ts`)
  return import(inClone ? './main.ts' : '../../dist/cli/main.js')
}

/** A clone has a Node of its own since `npm ci`. */
function ownNode(fs, url) {
  const path = url.fileURLToPath(new URL('../../node_modules/node/bin/node', import.meta.url))
  return fs.existsSync(path) ? path : undefined
}

/** Goes on with another Node. Ctrl-C reaches it by the terminal; what only we get is handed on. */
function runWith(node, script, childProcess) {
  const args = [script].concat(process.argv.slice(2))
  const child = childProcess.spawn(node, args, { stdio: 'inherit' })
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('SIGHUP', () => child.kill('SIGHUP'))
  child.on('error', refuse)
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

function refuse() {
  const needed = OLDEST.join('.')
  console.error(
    `prsm needs Node ${needed} or later; this is Node ${process.versions.node} (${process.execPath}).\n` +
      'Get it from https://nodejs.org/en/download or with your version manager ' +
      '(nvm install 24), and have it first on PATH.',
  )
  process.exit(WRONG_NODE)
}

function isTooOld() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])
}

Promise.all([import('node:fs'), import('node:url'), import('node:child_process')])
  .then(([fs, url, childProcess]) => {
    if (!isTooOld()) return main(fs, url)
    const node = ownNode(fs, url)
    if (node === undefined) return refuse()
    return runWith(node, url.fileURLToPath(import.meta.url), childProcess)
  })
  .catch((error) => {
    console.error(error)
    process.exit(1)
  })
