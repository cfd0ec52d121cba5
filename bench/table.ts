/** Figures, and tables of them. */

/** @param rates Ascending. */
export function median(rates: readonly number[]): number {
  const middle = rates.length >> 1
  const upper = rates[middle] as number
  return rates.length % 2 === 1 ? upper : ((rates[middle - 1] as number) + upper) / 2
}

/** Three digits, or all before the point. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toPrecision(value < 0.1 ? 2 : 3)
}

/** Columns wide enough for their cells; the first `leftCount` begin at the left. */
export function layOut(rows: readonly (readonly string[])[], leftCount: number): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  }
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => {
        const width = widths[i] as number
        return i < leftCount ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd()
  return `${rows.map(line).join('\n')}\n`
}
