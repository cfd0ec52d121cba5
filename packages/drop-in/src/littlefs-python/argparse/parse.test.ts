import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { COMMAND_LINE } from '../command-line.js'
import { parseArguments } from './parse.js'
import type { Parser } from './parser.js'

/** What argparse made of arguments. What is not there is empty, or was not given. */
interface Answer {
  readonly stdout?: string
  readonly stderr?: string
  readonly exitCode?: number
  /** As Python shows them. */
  readonly values?: Readonly<Record<string, string | null>>
}

interface Recorded extends Answer {
  readonly argv: readonly string[]
  readonly columns: number
  /** Since Python 3.12.7, where that is something else. */
  readonly later?: Answer
}

const RECORDED: readonly Recorded[] = JSON.parse(
  gunzipSync(
    readFileSync(
      fileURLToPath(
        new URL('../../../../../golden/tools/littlefs-python-arguments.json.gz', import.meta.url),
      ),
    ),
  ).toString(),
)

const COUNT = 803

function answerOf(argv: readonly string[], columns: number): Answer {
  const parsed = parseArguments(COMMAND_LINE, argv, columns)
  if ('exit' in parsed) return withoutEmpty(parsed.exit)
  const shown = Array.from(parsed.values, ([name, value]) => [name, shownByPython(value)])
  return { values: Object.fromEntries(shown) }
}

function shownByPython(value: unknown): string {
  if (value === true) return 'True'
  return value === false ? 'False' : String(value)
}

function withoutEmpty(answer: Answer): Answer {
  const { values, ...rest } = answer
  const said = Object.entries(rest).filter(([, value]) => value !== '')
  const given = Object.entries(values ?? {}).filter(([, value]) => value !== null)
  return Object.fromEntries(
    values === undefined ? said : [...said, ['values', Object.fromEntries(given)]],
  )
}

describe('the arguments of littlefs-python', () => {
  it('are what argparse makes of them, in every recorded call', () => {
    expect(RECORDED).toHaveLength(COUNT)
    const wrong = RECORDED.filter(({ argv, columns, later, ...answer }) => {
      const wanted = withoutEmpty(later ?? answer)
      const found = answerOf(argv, columns)
      try {
        expect(found).toEqual(wanted)
        return false
      } catch {
        return true
      }
    })
    expect(wrong).toEqual([])
  })

  it('were recorded where newer Pythons answer otherwise, too', () => {
    const later = RECORDED.filter((recorded) => recorded.later !== undefined)
    expect(later.length).toBeGreaterThan(10)
    for (const { argv, columns, later: _, ...answer } of later) {
      expect(answer.stderr).toContain('unrecognized arguments: ')
      expect(answerOf(argv, columns)).not.toEqual(withoutEmpty(answer))
    }
  })
})

describe('a parser', () => {
  const parser: Parser = {
    prog: 'p',
    args: [
      { dest: 'help', flags: ['-h', '--help'], action: 'help', help: 'tells this' },
      { dest: 'well-known', takes: 'one' },
    ],
  }

  it('needs no text about an argument', () => {
    const parsed = parseArguments(parser, ['-h'], 80)
    const stdout = [
      'usage: p [-h] well-known',
      '',
      'positional arguments:',
      '  well-known',
      '',
      'options:',
      '  -h, --help  tells this',
      '',
    ]
    expect(parsed).toEqual({ exit: { exitCode: 0, stdout: stdout.join('\n'), stderr: '' } })
  })
})
