/** What follows from rows of one run taken together: peers, growth with size, the price of promises. */

import type { SpeedRow } from './report.js'
import { figure, layOut } from './table.js'

/** Rows of one name, ours first: how often as fast as each other one. */
export function peerTable(rows: readonly SpeedRow[]): string {
  const cells: string[][] = []
  for (const ours of rows.filter(({ subject }) => subject.startsWith('caravan'))) {
    const peers = rows.filter(
      ({ name, subject }) => name === ours.name && !subject.startsWith('caravan'),
    )
    for (const peer of peers) {
      // What is on a tmpfs is compared with what is there too.
      if (ours.subject.endsWith('tmpfs') !== peer.subject.endsWith('tmpfs')) continue
      cells.push([
        ours.name,
        ours.subject,
        peer.subject,
        figure(ours.median),
        figure(peer.median),
        figure(ours.median / peer.median),
      ])
    }
  }
  if (cells.length === 0) return ''
  return layOut([['beside others, a second', '', '', 'ours', 'theirs', 'times'], ...cells], 3)
}

/** Work of several sizes, as cost of one unit at each; in configuration B where there are two. */
const GROWTH: readonly { readonly of: string; readonly names: readonly string[] }[] = [
  growth('create # files', [100, 1000, 10_000]),
  growth('stat each of #', [100, 1000, 10_000]),
  growth('open and read each of #', [100, 1000, 10_000]),
  growth('list #', [1000, 10_000]),
  growth('kv: getInto among #', [100, 10_000]),
  growth('kv: get among #', [100, 10_000]),
  growth('kv: set among #', [100, 10_000]),
]

function growth(pattern: string, sizes: readonly number[]) {
  return { of: pattern, names: sizes.map((size) => pattern.replace('#', String(size))) }
}

/** How much a unit costs at one size more than at another, and with promises more than without. */
export function shapeTable(rows: readonly SpeedRow[]): string {
  const find = (name: string, subject: string) =>
    rows.find((row) => row.name === name && row.subject === subject && row.configuration !== 'A')
  const cells: string[][] = []
  for (const { of, names } of GROWTH) {
    const found = names.map((name) => find(name, 'memory') ?? find(name, 'caravan'))
    const costs = found.flatMap((row) => (row === undefined ? [] : [1e6 / row.median]))
    if (costs.length < names.length) continue
    const first = costs[0] as number
    const ratio = Math.max(...costs) / Math.min(...costs)
    cells.push([
      of,
      costs.map(figure).join(' / '),
      figure((costs.at(-1) as number) / first),
      figure(ratio),
    ])
  }
  for (const row of rows.filter(({ subject }) => subject === 'promise')) {
    const sync = find(row.name, 'memory')
    if (sync === undefined) continue
    const costs = [1e6 / sync.median, 1e6 / row.median] as const
    const ratio = figure(costs[1] / costs[0])
    cells.push([`promises over sync: ${row.name}`, costs.map(figure).join(' / '), ratio, ratio])
  }
  if (cells.length === 0) return ''
  const head = ['cost of a unit', 'microseconds', 'last / first', 'most / least']
  return layOut([head, ...cells], 1)
}
