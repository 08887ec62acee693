/** Holds the layers of docs/ARCHITECTURE.md. Fails when nothing was looked at: a silent pass is no pass. */
import { cruise } from 'dependency-cruiser'
import extractTSConfig from 'dependency-cruiser/config-utl/extract-ts-config'
import config from '../dependency-cruiser.mjs'

const { forbidden, options } = config
const { output } = await cruise(
  ['src'],
  { ...options, validate: true, ruleSet: { forbidden } },
  undefined,
  { tsConfig: extractTSConfig('tsconfig.json') },
)
const modules = output.modules.filter(({ source }) => source.startsWith('src/'))
for (const { rule, from, to } of output.summary.violations) {
  console.error(`${rule.severity} ${rule.name}: ${from} -> ${to}`)
}
if (modules.length < 5) {
  console.error(`only ${modules.length} modules of src/ were seen: the check itself is broken`)
  process.exitCode = 1
} else if (output.summary.error > 0) process.exitCode = 1
else
  console.log(
    `layers hold: ${modules.length} modules, ${output.summary.totalDependenciesCruised} imports`,
  )
