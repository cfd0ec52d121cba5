/** Findings as people read them: a table, and below it what each code means. */

import type { Finding, Severity } from '@caravan/core'
import { harmlessText } from './names.js'
import type { Colour, Style } from './style.js'

const COLOURS: Readonly<Record<Severity, Colour>> = { error: 'red', warning: 'yellow', note: 'dim' }

/** One line a finding, in columns; then, once a code, its consequence and what to do. */
export function findingTable(findings: readonly Finding[], style: Style): string[] {
  const cells = findings.map(({ severity, code, block, path }) => [
    severity,
    code,
    block === undefined ? '-' : `block ${block}`,
    path === undefined ? '-' : harmlessText(path).replaceAll('\n', '%0A'),
  ])
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(0, ...cells.map((row) => (row[column] as string).length)),
  )
  const lines = findings.map(({ severity, what }, i) => {
    const [first, ...rest] = (cells[i] as string[]).map((cell, k) =>
      cell.padEnd(widths[k] as number),
    )
    const sentence = harmlessText(what).replaceAll('\n', '%0A')
    return [style(COLOURS[severity], first as string), ...rest, sentence].join('  ')
  })
  const meanings = new Map<string, string>()
  for (const { code, consequence, remedy } of findings) {
    if (consequence === undefined && remedy === undefined) continue
    meanings.set(code, [consequence, remedy].filter((each) => each !== undefined).join(' '))
  }
  if (meanings.size === 0) return lines
  return [...lines, '', ...[...meanings].map(([code, text]) => `${code}: ${text}`), '']
}
