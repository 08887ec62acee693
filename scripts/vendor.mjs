/**
 * Puts Helia's own files into dist/vendor, since who installs `helia` installs WebRTC and React Native
 * with it (docs/decisions/0001-helia-without-webrtc.md). What they import are dependencies of ours.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { partsNotSeen, standIn, unusedPart } from '../src/network/unused-parts.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const importing = join(root, 'dist/network/helia.js')
const output = join(root, 'dist/vendor/helia.js')

/** Its protons-runtime is another major version than libp2p's: outside, npm would install seven copies of that. */
const INLINED = /^(helia|@helia\/(libp2p|bitswap)|protons-runtime)$/
const IMPORT = /import \{([^}]*)\} from '(helia|@helia\/(?:libp2p|bitswap))';?/g
const LICENCE = 'Apache-2.0 OR MIT'

/** Bundles what dist/network/helia.js imports of Helia, and has it import that. Throws when something is amiss. */
export async function vendorHelia() {
  const text = readFileSync(importing, 'utf8')
  const imports = [...text.matchAll(IMPORT)]
  if (imports.length === 0) throw new Error(`${importing} imports nothing of Helia`)
  const exported = imports.map(([, names, from]) => `export {${names}} from '${from}'`)
  const { inputs, imported } = await bundle(exported.join('\n'))
  checkDeclared(imported)
  mkdirSync(dirname(output), { recursive: true })
  writeFileSync(join(dirname(output), 'LICENSES'), licences(inputs))
  writeFileSync(
    importing,
    text.replace(IMPORT, (_, names) => `import {${names}} from '../vendor/helia.js';`),
  )
}

/** Gives the files that went in, and which package's file imports which other package: `[package, importer]`. */
async function bundle(contents) {
  const seen = new Set()
  const { metafile } = await build({
    stdin: { contents, resolveDir: root, sourcefile: 'helia.js' },
    outfile: output,
    absWorkingDir: root,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    legalComments: 'inline',
    metafile: true,
    plugins: [helia(seen)],
  })
  const missed = partsNotSeen(seen).map(({ importer, specifier }) => `${importer}: ${specifier}`)
  if (missed.length > 0) throw new Error(`Helia no longer imports ${missed.join(', ')}`)
  const [{ inputs, imports }] = Object.values(metafile.outputs)
  const left = new Set(imports.map(({ path }) => path))
  const used = Object.keys(inputs).filter((file) => inputs[file].bytesInOutput > 0)
  const imported = used.flatMap((file) =>
    metafile.inputs[file].imports
      .filter(({ external, path }) => external && left.has(path) && !isBuiltin(path))
      .map(({ path }) => [packageOf(path), file]),
  )
  return { inputs: used, imported }
}

/** Inlines Helia's packages without their unused parts; every other package stays an import. */
function helia(seen) {
  return {
    name: 'helia',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /./ }, ({ path, importer }) => {
        const part = unusedPart(path, importer)
        if (part === undefined) return external(path)
        seen.add(part)
        return { path, namespace: 'unused', pluginData: part, sideEffects: false }
      })
      onLoad({ filter: /./, namespace: 'unused' }, ({ pluginData }) => ({
        contents: standIn(pluginData),
      }))
    },
  }
}

function external(path) {
  if (path.startsWith('.') || INLINED.test(packageOf(path))) return undefined
  return { path, external: true, sideEffects: false }
}

/** `@scope/name/file` and `name/file` are files of `@scope/name` and `name`. */
function packageOf(specifier) {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

/** What is imported must be installed with us, in a version that Helia's packages accept. */
function checkDeclared(imported) {
  const { dependencies } = manifest(root)
  const faults = imported.flatMap(([name, file]) => {
    const own = dependencies[name]
    if (own === undefined) return [`${name} is not in dependencies`]
    const theirs = manifest(packageFolder(file)).dependencies[name]
    return covers(own, theirs) ? [] : [`${name}: ${own} in dependencies, Helia has ${theirs}`]
  })
  if (faults.length > 0) {
    throw new Error(`package.json does not fit Helia:\n${[...new Set(faults)].join('\n')}`)
  }
}

/** True when `^a.b.c` allows nothing that `^d.e.f` does not. */
function covers(own, theirs = '') {
  const [ours, wanted] = [own, theirs].map((range) =>
    /^\^(\d+)\.(\d+)\.(\d+)$/.exec(range)?.slice(1),
  )
  if (ours === undefined || wanted === undefined) return own === theirs
  const different = ours.findIndex((number, index) => number !== wanted[index])
  return different === -1 || (different > 0 && Number(ours[different]) > Number(wanted[different]))
}

/** Each package has its licence as a name in its manifest, none as a file: the text is kept beside this script. */
function licences(files) {
  const folders = new Set(files.filter((file) => file.includes('node_modules')).map(packageFolder))
  const packages = [...folders].map(manifest).sort((a, b) => a.name.localeCompare(b.name))
  const other = packages.filter(({ license }) => license !== LICENCE)
  if (other.length > 0) throw new Error(`licences have changed: ${other.map(({ name }) => name)}`)
  const lines = packages.map(
    ({ name, version, repository }) =>
      `${name} ${version} (${LICENCE})\n  ${repository.url.replace(/^git\+/, '')}`,
  )
  const text = readFileSync(new URL('helia-licence.txt', import.meta.url), 'utf8')
  return `helia.js holds files of these packages, here under the MIT licence below:\n\n${lines.join('\n')}\n\n${text}`
}

/** The folder of the package that `file` is of. */
function packageFolder(file) {
  const [folder] = /.*node_modules\/(@[^/]+\/)?[^/]+/.exec(file)
  return join(root, folder)
}

function manifest(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}
