/** The page of figures, docs/performance.md, and its graphs. */

import { graph, type Line } from './graph.js'
import { findRow } from './groups.js'
import { peerTable, shapeTable } from './ratios.js'
import type { Reference } from './reference.js'
import { calibrationTable, type Results, type SpeedRow, trafficTable } from './report.js'
import { isSameRow } from './row.js'
import { figure } from './table.js'

const GRAPHS = [
  { name: 'create', title: 'Creating a file in one directory', pattern: 'create # files' },
  { name: 'stat', title: 'stat of a file in one directory', pattern: 'stat each of #' },
  { name: 'list', title: 'Listing an entry of one directory', pattern: 'list #' },
]
const SIZES = [100, 300, 1000, 3000, 10_000, 30_000]

/** Of those that were measured: the name of each graph, and its SVG. */
export function graphs(results: Results, reference: Reference): [string, string][] {
  return GRAPHS.flatMap(({ name, title, pattern }): [string, string][] => {
    const named = SIZES.map((size) => [size, pattern.replace('#', String(size))] as const)
    const ours = named.flatMap(([size, row]) => {
      const found = results.speed.find((each) => isSameRow(each, inB(row)))
      return found === undefined ? [] : [[size, 1e6 / found.median] as const]
    })
    if (ours.length < 2) return []
    const native = (configuration: 'A' | 'B'): Line['points'] =>
      named.flatMap(([size, row]) => {
        const rate = reference.speed[row]?.native?.[configuration]
        return rate === undefined ? [] : [[size, 1e6 / rate] as const]
      })
    const lines: Line[] = [
      { name: 'caravan', color: '#0a6', points: ours },
      { name: 'C native, A', color: '#c30', isDashed: true, points: native('A') },
      { name: 'C native, B', color: '#06c', isDashed: true, points: native('B') },
    ]
    return [[name, graph(title, 'files in the directory', 'microseconds', lines)]]
  })
}

function inB(name: string) {
  return { name, subject: 'memory', configuration: 'B' }
}

export function page(results: Results, before: Results | undefined, reference: Reference): string {
  const drawn = graphs(results, reference).map(([name]) => `![${name}](performance/${name}.svg)`)
  const tables = [calibrationTable(results.speed, reference), shapeTable(results.speed)]
  const peers = peerTable(results.speed)
  const code = (text: string) => (text === '' ? '' : `\`\`\`\n${text.trimEnd()}\n\`\`\`\n`)
  return `# Performance

This page is made by

    npm run bench -- --json now.json
    npm run performance -- now.json${before === undefined ? '' : ' before.json'}

from one run on ${results.processor}, Node.js ${results.node}${results.quick ? ', with few repetitions (--quick)' : ''}. Absolute figures move by up to 2x with the
neighbours of a shared machine: the ratios are what counts. What was found on the way is in decision
[0060](decisions/0060-where-the-time-went.md); what bounds the rows that fall short, by their profiles, in
[0065](decisions/0065-what-bounds-the-slow-rows.md).

"x C" is an estimate: the figures of littlefs in C were measured on another machine, at another time.
They are scaled by the calibration measured beside each row: a streaming copy of 8 MiB for rows that
copy, else a CRC-32 from tables over 4 KiB. "Asked" is what we ask of ourselves, as a multiple of the
better of C's two configurations (A: cache of 64 bytes, B: 4096): 1 where it is just reached.
${before === undefined ? '' : aboutBefore(before)}
${speedRows(results.speed, before, reference)}${before === undefined ? '' : missingBefore(before)}
## Cost against size

The lines of C are as measured, not calibrated.

${drawn.join('\n\n')}

${tables.map(code).join('\n')}
## What is asked of the device

${code(trafficTable(results.traffic, reference))}${peers === '' ? '' : `\n## Beside other stores\n\n${code(peers)}`}`
}

/** The commit is built beside: `git worktree add DIR COMMIT`, and `npm run build` in there. */
function aboutBefore({ commit = 'an earlier run', node, missing = [] }: Results): string {
  const lacks = missing.length === 0 ? '' : ' What did not exist there yet is told below the table.'
  return `
"Before" is what today's workloads show on the packages of ${commit} (Node.js ${node}), scaled by the same
calibration to the moment of the row beside it:

    git worktree add DIR ${commit} && (cd DIR && npm run build)
    npm run bench -- --packages DIR --json before.json

The row "pack 500 files at once" packed into new memory there each time, which the builder of now need not.${lacks}
`
}

function missingBefore({ missing = [] }: Results): string {
  const byReason = new Map<string, string[]>()
  for (const { name, subject, configuration, reason } of missing) {
    const row = [name, subject, configuration].filter((part) => part !== '').join(', ')
    byReason.set(reason, [...(byReason.get(reason) ?? []), row])
  }
  const lines = [...byReason].map(([reason, rows]) => `- ${rows.join('; ')}: \`${reason}\``)
  return lines.length === 0 ? '' : `\nNo figure before:\n\n${lines.join('\n')}\n`
}

/** Units a second, as if measured when `row` was. */
function rateThen(was: SpeedRow | undefined, row: SpeedRow): number | undefined {
  const { yardstick } = findRow(row)
  return was && (was.median * row.calibration[yardstick]) / was.calibration[yardstick]
}

function speedRows(
  rows: readonly SpeedRow[],
  before: Results | undefined,
  reference: Reference,
): string {
  const optional = (value: number | undefined) => (value === undefined ? '' : figure(value))
  const lines = rows.map((row) => {
    const was = before?.speed.find((each) => isSameRow(each, row))
    const native = reference.speed[findRow(row).reference ?? row.name]?.native
    const cells = [
      row.name,
      [row.subject, row.configuration].filter((part) => part !== '').join(' '),
      row.unit,
      optional(rateThen(was, row)),
      figure(row.median),
      `${figure(row.slowest)} to ${figure(row.fastest)}`,
      optional(native && Math.max(native.A, native.B)),
      optional(row.standing?.better),
      optional(row.standing?.asked),
      figure(row.memoryBytes / 2 ** 20),
    ]
    return `| ${cells.join(' | ')} |`
  })
  return `| work | by | unit | before | now | slowest to fastest | C better | x C | x asked | MiB |
| --- | --- | --- | --: | --: | --: | --: | --: | --: | --: |
${lines.join('\n')}
`
}
