/** Every recorded call of the originals, replayed; some of them as processes. */

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Case, readRecording } from './tools/cases.js'
import { type Difference, readDifferences } from './tools/differences.js'
import { judge, PROGRAMS, type Runner, runnerOf } from './tools/judge.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const golden = join(root, 'golden', 'tools')

const TOOLS = [
  {
    tool: 'mklittlefs',
    recorded: 185,
    differing: 37,
    shownElsewhere: ['lost-times', 'any-block-size', 'endless-link', 'damaged-data'],
    asProcesses: ['create-small', 'create-too-small-nested', 'unpack-small'],
  },
  {
    tool: 'littlefs-python',
    recorded: 173,
    differing: 54,
    shownElsewhere: ['repl-mount', 'destination-behind-options'],
    asProcesses: ['create-verbose', 'create-too-small', 'extract-small', 'repl-eof', 'cli-help'],
  },
] as const

describe.each(TOOLS)('$tool', ({ tool, recorded, differing, shownElsewhere, asProcesses }) => {
  const recording = readRecording(join(golden, `${tool}.json`), [])
  const listed = readDifferences(tool)
  const program = PROGRAMS[tool]

  it('answers every recorded call as the original, or as is listed', async () => {
    const verdicts = []
    for (const each of recording.cases) {
      verdicts.push(await judge(each, recording, listed, runnerOf(program)))
    }
    expect(verdicts.filter(({ difference }) => difference !== undefined)).toEqual([])
    expect(verdicts).toHaveLength(recorded)
    expect(verdicts.filter(({ differences }) => differences.length > 0)).toHaveLength(differing)
    const shown = new Set(verdicts.flatMap(({ differences }) => differences))
    const unshown = listed.filter(({ id, when }) => when !== undefined && !shown.has(id))
    expect(unshown.map(({ id }) => id)).toEqual(shownElsewhere)
  }, 120_000)

  it('notices what is not as it was recorded', async () => {
    const [first] = recording.cases as [Case]
    const of = (changed: Partial<Case>, differences: readonly Difference[] = []) =>
      judge({ ...first, ...changed }, recording, differences, runnerOf(program))
    expect((await of({})).difference).toBeUndefined()
    expect((await of({ exitCode: 3 })).difference).toMatch(/^exit code 0, expected 3/)
    expect((await of({ stdout: 'other\n' })).difference).toMatch(/^stdout /)
    expect((await of({ stderr: 'other\n' })).difference).toMatch(/^stderr /)
    expect((await of({ filesAfter: {} })).difference).toMatch(/^fs\.img is .* not expected/)
    const image = first.image
    if (image === undefined) return
    const entries = image.entries?.slice(1)
    expect((await of({ image: { ...image, entries: entries ?? [] } })).difference).toMatch(
      /^\/ is in the image, and is not expected/,
    )
    const limits = { ...image, stat: { ...image.stat, name_max: 32 } }
    expect((await of({ image: limits })).difference).toMatch(/name_max is 255, expected 32/)
    const none = { id: 'none', original: '', ours: '', reason: '', when: {}, instead: {} }
    expect((await of({}, [none])).difference).toMatch(/'none' is none any more/)
  })

  it('does so as a process', async () => {
    const names: readonly string[] = asProcesses
    for (const each of recording.cases.filter(({ name }) => names.includes(name))) {
      const verdict = await judge(each, recording, listed, asProcess(tool))
      expect(verdict).toMatchObject({ difference: undefined })
    }
  }, 120_000)
})

function asProcess(tool: string): Runner {
  const bin = join(root, 'packages', 'drop-in', 'bin', `${tool}.js`)
  return async (argv, { cwd }, { env: { clock } }) => {
    const { SOURCE_DATE_EPOCH: _, COLUMNS: __, ...env } = process.env
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...argv], {
      cwd,
      env: clock === null ? env : { ...env, SOURCE_DATE_EPOCH: String(clock) },
    })
    return { exitCode: status ?? -1, stdout, stderr }
  }
}

describe('the page about the drop-ins', () => {
  it('shows every listed difference', () => {
    const page = readFileSync(join(root, 'docs', 'drop-in.md'), 'utf8')
    for (const { tool } of TOOLS) {
      for (const { original, ours, reason } of readDifferences(tool)) {
        expect(page).toContain(`| ${original} | ${ours} | ${reason} |`)
      }
    }
  })
})
