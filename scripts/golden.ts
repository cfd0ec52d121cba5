/**
 * `npm run golden -- DIR...`: judges folders of recordings of the reference programs.
 *
 * Prints a line per failing case and, alone on the last line, `N passed, N failed`. Exits 1 on a
 * failure or where there is nothing to judge, 2 on wrong use.
 */

import { chamelonShape } from './golden/chamelon.js'
import { docteurShape } from './golden/docteur.js'
import { littlefsShape } from './golden/littlefs.js'
import { littlefs1Shape } from './golden/littlefs1.js'
import { notafsShape } from './golden/notafs.js'
import { type CaseResult, type GoldenShape, judgeCase, summarise } from './golden/report.js'

const SHAPES: readonly GoldenShape[] = [
  littlefsShape,
  littlefs1Shape,
  chamelonShape,
  docteurShape,
  notafsShape,
]

const dirs = process.argv.slice(2)
if (dirs.length === 0 || dirs.some((dir) => dir.startsWith('-'))) {
  console.error('usage: npm run golden -- DIR...   (for instance golden/littlefs)')
  process.exit(2)
}

const results: CaseResult[] = []
for (const dir of dirs) {
  const shape = SHAPES.find(({ recognises }) => recognises(dir))
  if (shape === undefined) {
    results.push({
      name: dir,
      difference: `holds nothing to judge: expected a folder of ${SHAPES.map(({ name }) => name).join(' or ')} images with their manifests`,
    })
  }
  for (const golden of shape?.cases(dir) ?? []) results.push(await judgeCase(golden))
}
for (const { name, difference } of results) {
  if (difference !== undefined) console.log(`${name}: ${difference}`)
}
for (const line of summarise(results)) console.log(line)
process.exitCode = results.length === 0 || results.some((r) => r.difference !== undefined) ? 1 : 0
