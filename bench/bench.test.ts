/** Workloads do what they say, on small sizes; what they ask of a device does not change by itself. */

import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { tableCrc32 } from './calibration.js'
import { findRow, GROUPS } from './groups.js'
import { littlefsRows } from './littlefs-rows.js'
import { countTraffic, type Job, measureSpeed } from './measure.js'
import { peerTable, shapeTable } from './ratios.js'
import { type Reference, standing } from './reference.js'
import { comparison, type SpeedRow, speedTable, trafficTable } from './report.js'
import type { RowKey } from './row.js'
import { median } from './table.js'
import { makeBytes } from './workload.js'

const reference = JSON.parse(
  readFileSync(new URL('./reference.json', import.meta.url), 'utf8'),
) as Reference

function job({ name, subject, configuration }: RowKey): Job {
  return {
    name,
    subject,
    configuration,
    reference,
    directory: tmpdir(),
    what: 'traffic',
    quick: true,
    scale: 1 / 64,
  }
}

function inMemory(name: string, configuration: 'A' | 'B' = 'B'): RowKey {
  return { name, subject: 'memory', configuration }
}

const nameOf = ({ name, subject, configuration }: RowKey) => `${name}, ${subject} ${configuration}`

describe.each(Object.entries(GROUPS))('rows of %s', (_, rows) => {
  it('have names of their own', () => {
    expect(new Set(rows.map(nameOf)).size).toBe(rows.length)
  })

  // Each of them checks what it has written or read.
  it.each(rows.map((row) => [nameOf(row), row] as const))('%s', async (_name, row) => {
    await countTraffic(job(row))
  })
})

it.each(
  littlefsRows
    .filter(({ subject }) => subject !== 'file')
    .map((row) => [nameOf(row), row] as const),
)('%s asks the same each time', async (_name, row) => {
  const traffic = await countTraffic(job(row))
  // The bulk builder has a device of its own.
  if (row.name !== 'pack 500 files at once') expect(traffic.bytesRead).toBeGreaterThan(0)
  expect(await countTraffic(job(row))).toEqual(traffic)
})

it('a measurement has a rate for each repetition, in order, and its calibration', async () => {
  const { rates, calibration, memoryBytes } = await measureSpeed(job(inMemory('stat each of 100')))
  expect(rates.length).toBeGreaterThanOrEqual(3)
  expect(rates).toEqual([...rates].sort((a, b) => a - b))
  for (const value of [...rates, calibration.copy, calibration.crc])
    expect(value).toBeGreaterThan(0)
  expect(memoryBytes).toBeGreaterThanOrEqual(0)
})

it('every row of the reference is there, in its unit', () => {
  const rows = Object.values(GROUPS).flat()
  const referenceOf = ({ name, reference: row = name }: (typeof rows)[number]) => row
  const named = rows.filter((row) => reference.speed[referenceOf(row)] !== undefined)
  expect([...new Set(named.map(referenceOf))].sort()).toEqual(Object.keys(reference.speed).sort())
  for (const row of named) expect(reference.speed[referenceOf(row)]?.unit).toBe(row.unit)
  const counted = littlefsRows
    .filter(({ traffic }) => traffic !== undefined)
    .map(({ name }) => name)
  expect([...new Set(counted)].sort()).toEqual(Object.keys(reference.traffic).sort())
})

it('the yardstick is a CRC-32', () => {
  const bytes = makeBytes(4096, 1)
  expect(~tableCrc32(-1, bytes) >>> 0).toBe(crc32(bytes))
})

it('a machine twice as fast halves the estimate', () => {
  const row = findRow(inMemory('create 1000 files'))
  const { copy, crc } = reference.calibration
  const calibration = { copy: copy.value, crc: crc.value * 2 }
  // The reference's 3707 and 2407 creations a second; ten times the better is asked.
  const times = standing(reference, row, 7414, calibration)
  expect(times?.same).toBeCloseTo(7414 / 2407 / 2)
  expect(times?.better).toBeCloseTo(1)
  expect(times?.asked).toBeCloseTo(1 / 10)
})

it('a share of the speed of copying is asked of one whole read', () => {
  const row = findRow(inMemory('read 8 MiB in one call'))
  // 8000 MB/s of 10 GB/s, where 80 % are asked.
  expect(standing(reference, row, 8000, { copy: 10, crc: 1 })?.asked).toBeCloseTo(1)
})

it('medians of odd and even counts', () => {
  expect(median([1, 2, 9])).toBe(2)
  expect(median([1, 2, 4, 9])).toBe(3)
})

it('the tables name the row, its figures and their ratio to those before', async () => {
  const calibration = { copy: 11.4, crc: 0.566 }
  const row: SpeedRow = {
    group: 'littlefs',
    name: 'stat each of 1000',
    subject: 'memory',
    configuration: 'A',
    unit: 'ops/s',
    median: 21_390,
    slowest: 20_000,
    fastest: 22_000,
    repetitions: 5,
    calibration,
    standing: { same: 2, better: 2, asked: 0.5 },
    memoryBytes: 3 << 20,
  }
  const cells = (text: string, name: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(/ {2,}/)
  expect(cells(speedTable([row], reference), row.name)).toEqual([
    ...['stat each of 1000', 'memory', 'A', 'ops/s', '21,390', '20,000', '22,000'],
    ...['10,695', '10,695', '7,861', '2.00', '2.00', '0.500', '3.00'],
  ])
  const slower = { ...row, median: row.median / 2 }
  const old = { node: '', processor: '', quick: false, speed: [slower], traffic: [] }
  expect(cells(comparison([row], old), row.name)?.slice(-2)).toEqual(['2.00', '2.00'])

  const traffic = await countTraffic(job(inMemory('write 8 MiB', 'A')))
  const counted = { ...inMemory('write 8 MiB', 'A'), traffic }
  expect(cells(trafficTable([counted], reference), 'write 8 MiB')).toContain('8,405,232')
})

describe('ratios of rows', () => {
  const row = (name: string, subject: string, rate: number): SpeedRow => ({
    ...{ group: '', name, subject, configuration: '', unit: 'ops/s', median: rate },
    ...{ slowest: rate, fastest: rate, repetitions: 5, standing: undefined, memoryBytes: 0 },
    calibration: { copy: 1, crc: 1 },
  })
  const lastCells = (table: string) =>
    table
      .trim()
      .split('\n')
      .map((line) => line.split(/ {2,}/).at(-1))

  it('each peer stands beside ours, on a tmpfs those on a tmpfs', () => {
    const table = peerTable([
      row('fs: list 1000', 'caravan', 600),
      row('fs: list 1000', 'memfs', 200),
      row('fs: list 1000', 'caravan on a tmpfs', 500),
      row('fs: list 1000', 'node:fs on a tmpfs', 1000),
      row('fs: stat each of 1000', 'memfs', 1),
    ])
    expect(lastCells(table)).toEqual(['times', '3.00', '0.500'])
  })

  it('growth is the cost of a unit at each size, promises beside their synchronous form', () => {
    const table = shapeTable([
      row('list 1000', 'memory', 1000),
      row('list 10000', 'memory', 500),
      row('list 1000', 'promise', 250),
    ])
    expect(lastCells(table)).toEqual(['most / least', '2.00', '4.00'])
  })

  it('nothing to compare gives no table', () => {
    expect(peerTable([row('list 1000', 'memory', 1)])).toBe('')
    expect(shapeTable([row('list 1000', 'memory', 1)])).toBe('')
  })
})
