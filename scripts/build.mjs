/** Builds dist/, which the package ships: Node refuses TypeScript below node_modules. */
import { spawnSync } from 'node:child_process'
import { existsSync, globSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { vendorHelia } from './vendor.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = join(root, 'dist')

rmSync(dist, { recursive: true, force: true })
const tsc = join(root, 'node_modules/.bin/tsc')
const compiled = spawnSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json')], {
  stdio: 'inherit',
})
if (compiled.status !== 0) process.exit(1)
await vendorHelia()

const built = globSync('**/*.js', { cwd: dist })
const broken = [
  ...built.flatMap((file) => brokenReferences(join(dist, file))),
  ...unusedDependencies(globSync('**/*.{js,d.ts}', { cwd: dist })),
]
for (const line of broken) console.error(line)
if (broken.length > 0 || built.length === 0) throw new Error('the build is not usable')
console.log(`dist/: ${built.length} modules`)

/** What is installed with us and nothing names: knip cannot know what dist/vendor imports. */
function unusedDependencies(files) {
  const texts = files.map((file) => readFileSync(join(dist, file), 'utf8')).join('\n')
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return Object.keys(dependencies)
    .filter((name) => !new RegExp(`['"]${name}['"/]`).test(texts))
    .map((name) => `package.json has ${name} in dependencies, and nothing in dist imports it`)
}

/** Files that a module names at run time and that the compiler does not follow. */
function brokenReferences(path) {
  const text = readFileSync(path, 'utf8')
  const references = text.matchAll(/new URL\((['"])([^'"]+)\1, import\.meta\.url\)/g)
  return [...references]
    .map(([, , target]) => join(dirname(path), target))
    .filter((target) => !existsSync(target))
    .map((target) => `${path} refers to ${target}, which is not there`)
}
