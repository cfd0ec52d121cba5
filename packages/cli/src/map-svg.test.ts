import { expect, test } from 'vitest'
import type { AgedBlock } from './block-ages.js'
import type { Frame } from './map-frames.js'
import { svgOf } from './map-svg.js'

const LOOKS = { data: { name: 'data', mark: '#', ascii: '#', colour: 'cyan' } } as const
const FREE = { look: 'free', age: Number.POSITIVE_INFINITY }

function frame(title: string, blocks: readonly AgedBlock[]): Frame {
  return { title, blockSize: 512, blocks, looks: LOOKS }
}

test('one frame does not move', () => {
  const svg = svgOf([frame('as <it> is', [FREE, { look: 'data', age: 0 }])], { frameMs: 100 })
  expect(svg).not.toContain('<animate')
  expect(svg).toContain('as &#60;it&#62; is</text>')
  expect(svg).toContain('2 blocks of 512 B, coloured by')
  expect(svg.match(/fill="#a0f2f5"/g)).toHaveLength(1)
})

test('of several, each cell changes when it does', () => {
  const frames = [
    frame('1', [FREE, FREE]),
    frame('2', [{ look: 'data', age: 0 }, FREE]),
    frame('3', [{ look: 'data', age: 1 }, FREE]),
    frame('4', [{ look: 'free', age: 0 }, FREE]),
  ]
  const svg = svgOf(frames, { frameMs: 250 })
  expect(svg).toContain(
    '<animate attributeName="fill" dur="1s" repeatCount="indefinite" calcMode="discrete" values="#262b31;#a0f2f5;#3fb4bd;#6b3038" keyTimes="0;0.25;0.5;0.75"/>',
  )
  expect(svg.match(/<animate attributeName="fill"/g)).toHaveLength(1)
  expect(svg).toContain('values="hidden;visible;hidden" keyTimes="0;0.25;0.5"')
})

test('many blocks share cells', () => {
  const blocks = Array.from({ length: 100_000 }, () => FREE)
  const svg = svgOf([frame('x', blocks)], { frameMs: 100 })
  expect(svg.match(/<rect /g)?.length).toBeLessThan(2100)
  expect(svg).toContain('64 blocks a cell')
  expect(svgOf([frame('x', blocks)], { frameMs: 1, perCell: 50_000 })).toContain('50000 blocks a')
})
