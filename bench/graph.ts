/** A graph as SVG: lines over two logarithmic axes. */

export interface Line {
  readonly name: string
  readonly color: string
  readonly isDashed?: boolean
  /** Ascending by x; all above 0. */
  readonly points: readonly (readonly [x: number, y: number])[]
}

const WIDTH = 640
const HEIGHT = 360
const LEFT = 70
const RIGHT = 150
const TOP = 40
const BOTTOM = 50

export function graph(
  title: string,
  xLabel: string,
  yLabel: string,
  lines: readonly Line[],
): string {
  const all = lines.flatMap(({ points }) => points)
  const x = axis(
    all.map(([value]) => value),
    LEFT,
    WIDTH - RIGHT,
  )
  const y = axis(
    all.map(([, value]) => value),
    HEIGHT - BOTTOM,
    TOP,
  )
  const middle = (LEFT + WIDTH - RIGHT) / 2
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${middle}" y="20" text-anchor="middle" font-size="14">${title}</text>`,
    `<text x="${middle}" y="${HEIGHT - 12}" text-anchor="middle">${xLabel}</text>`,
    `<text x="16" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2})">${yLabel}</text>`,
  ]
  for (const tick of x.ticks) {
    const at = round(x.place(tick))
    parts.push(
      `<path d="M${at} ${TOP}V${HEIGHT - BOTTOM}" stroke="#ddd"/>`,
      `<text x="${at}" y="${HEIGHT - BOTTOM + 16}" text-anchor="middle">${tick.toLocaleString('en-US')}</text>`,
    )
  }
  for (const tick of y.ticks) {
    const at = round(y.place(tick))
    parts.push(
      `<path d="M${LEFT} ${at}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
      `<text x="${LEFT - 6}" y="${at + 4}" text-anchor="end">${tick.toLocaleString('en-US')}</text>`,
    )
  }
  for (const [i, { name, color, isDashed, points }] of lines.entries()) {
    const path = points.map(([px, py]) => `${round(x.place(px))} ${round(y.place(py))}`).join('L')
    const dash = isDashed === true ? ' stroke-dasharray="6 4"' : ''
    const legend = TOP + 10 + 18 * i
    parts.push(
      `<path d="M${path}" fill="none" stroke="${color}" stroke-width="2"${dash}/>`,
      `<text x="${WIDTH - RIGHT + 10}" y="${legend}" fill="${color}">${name}</text>`,
    )
  }
  return `${parts.join('\n')}\n</svg>\n`
}

/** From the power of ten below the least value to that above the greatest. */
function axis(values: readonly number[], from: number, to: number) {
  const low = Math.floor(Math.log10(Math.min(...values)))
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))))
  const ticks = Array.from({ length: high - low + 1 }, (_, i) =>
    Number((10 ** (low + i)).toPrecision(1)),
  )
  const place = (value: number) => from + ((Math.log10(value) - low) / (high - low)) * (to - from)
  return { ticks, place }
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
