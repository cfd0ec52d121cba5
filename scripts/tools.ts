/**
 * `npm run tools -- FILE.json...`: judges our drop-in commands by recorded calls of the originals.
 *
 * Prints a line per failing case, how many show which listed difference, and, alone on the last line,
 * `N passed, N failed`. Exits 1 on a failure or where there is nothing to judge, 2 on wrong use.
 */

import { fileURLToPath } from 'node:url'
import { describe, summarise } from './golden/report.js'
import { readRecording } from './tools/cases.js'
import { readDifferences } from './tools/differences.js'
import { judge, PROGRAMS, runnerOf, type Verdict } from './tools/judge.js'

/** Where the input images of recordings are that do not bring their own. */
const golden = fileURLToPath(new URL('../../golden/tools/', import.meta.url))

const files = process.argv.slice(2)
if (files.length === 0 || files.some((file) => file.startsWith('-'))) {
  console.error(
    'usage: npm run tools -- FILE.json...   (for instance golden/tools/mklittlefs.json)',
  )
  process.exit(2)
}

const verdicts: Verdict[] = []
for (const file of files) {
  try {
    await judgeFile(file)
  } catch (error) {
    verdicts.push({ name: file, difference: describe(error), differences: [] })
  }
}
for (const { name, difference } of verdicts) {
  if (difference !== undefined) console.log(`${name}: ${difference}`)
}
for (const [id, count] of counted(verdicts)) console.log(`listed difference, ${count} x: ${id}`)
const differing = verdicts.filter(({ differences }) => differences.length > 0).length
console.log(
  `${verdicts.length - differing} judged by the recording alone, ${differing} with listed differences`,
)
for (const line of summarise(verdicts)) console.log(line)
const hasFailed = verdicts.some(({ difference }) => difference !== undefined)
process.exitCode = verdicts.length === 0 || hasFailed ? 1 : 0

async function judgeFile(file: string): Promise<void> {
  const recording = readRecording(file, [golden])
  const program = PROGRAMS[recording.tool]
  const listed = readDifferences(recording.tool)
  for (const recorded of recording.cases) {
    try {
      verdicts.push(await judge(recorded, recording, listed, runnerOf(program)))
    } catch (error) {
      const difference = `the judge was stopped by ${describe(error)}`
      verdicts.push({ name: recorded.name, difference, differences: [] })
    }
  }
}

function counted(all: readonly Verdict[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { differences } of all) {
    for (const id of differences) counts.set(id, (counts.get(id) ?? 0) + 1)
  }
  return counts
}
