/** Workloads do what they say, on small sizes; what they ask of a device does not change by itself. */

import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { crc32 } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { tableCrc32 } from './calibration.js'
import type { DeviceKind } from './devices.js'
import { countTraffic, type Job, measureSpeed } from './measure.js'
import { type Reference, timesNative } from './reference.js'
import { comparison, median, type SpeedRow, speedTable, trafficTable } from './report.js'
import { makeBytes } from './workload.js'
import { findWorkload, workloadsOn } from './workloads.js'

const reference = JSON.parse(
  readFileSync(new URL('./reference.json', import.meta.url), 'utf8'),
) as Reference

const DEVICES: readonly DeviceKind[] = ['memory', 'promise', 'async', 'file']

function job(workload: string, device: DeviceKind, configuration: 'A' | 'B' = 'B'): Job {
  const { cacheSize, blockCycles } = reference.configurations[configuration]
  return {
    workload,
    device,
    configuration,
    geometry: reference.geometry,
    options: { cacheSize, blockCycles },
    directory: tmpdir(),
    what: 'traffic',
    quick: true,
    scale: 1 / 64,
  }
}

describe.each(DEVICES)('workloads on %s', (device) => {
  // Each of them checks what it has written or read.
  it.each(workloadsOn(device).map(({ name }) => name))('%s', async (name) => {
    const traffic = await countTraffic(job(name, device))
    // The bulk builder has a device of its own.
    if (name !== 'pack 500 files at once') expect(traffic.bytesRead).toBeGreaterThan(0)
  })
})

it.each(workloadsOn('memory').map(({ name }) => name))(
  '%s asks the same each time',
  async (name) => {
    expect(await countTraffic(job(name, 'memory', 'A'))).toEqual(
      await countTraffic(job(name, 'memory', 'A')),
    )
  },
)

it('a measurement has a rate for each repetition, in order, and its calibration', async () => {
  const { rates, calibration, memoryBytes } = await measureSpeed(job('stat each of 100', 'memory'))
  expect(rates.length).toBeGreaterThanOrEqual(3)
  expect(rates).toEqual([...rates].sort((a, b) => a - b))
  for (const value of [...rates, calibration.copy, calibration.crc])
    expect(value).toBeGreaterThan(0)
  expect(memoryBytes).toBeGreaterThanOrEqual(0)
})

it('every workload of the reference is there, in its unit', () => {
  const workloads = workloadsOn('memory')
  const rows = new Set(workloads.map(({ name, reference: row = name }) => row))
  expect([...rows].sort()).toEqual(Object.keys(reference.speed).sort())
  for (const { name, reference: row = name, unit } of workloads) {
    expect(reference.speed[row]?.unit).toBe(unit)
  }
  const counted = workloads.filter(({ traffic }) => traffic !== undefined).map(({ name }) => name)
  expect(counted.sort()).toEqual(Object.keys(reference.traffic).sort())
})

it('the yardstick is a CRC-32', () => {
  const bytes = makeBytes(4096, 1)
  expect(~tableCrc32(-1, bytes) >>> 0).toBe(crc32(bytes))
})

it('a machine twice as fast halves the estimate', () => {
  const workload = findWorkload('create 1000 files', 'memory')
  const { copy, crc } = reference.calibration
  const calibration = { copy: copy.value, crc: crc.value * 2 }
  // The reference's 3707 and 2407 creations a second.
  const times = timesNative(reference, workload, 'B', 7414, calibration)
  expect(times?.same).toBeCloseTo(7414 / 2407 / 2)
  expect(times?.better).toBeCloseTo(1)
})

it('medians of odd and even counts', () => {
  expect(median([1, 2, 9])).toBe(2)
  expect(median([1, 2, 4, 9])).toBe(3)
})

it('the tables name the row, its figures and their ratio to those before', async () => {
  const calibration = { copy: 11.4, crc: 0.566 }
  const row: SpeedRow = {
    workload: 'stat each of 1000',
    device: 'memory',
    configuration: 'A',
    unit: 'ops/s',
    median: 21_390,
    slowest: 20_000,
    fastest: 22_000,
    repetitions: 5,
    calibration,
    timesNative: { same: 2, better: 2 },
    memoryBytes: 3 << 20,
  }
  const cells = (text: string, name: string) =>
    text
      .split('\n')
      .find((line) => line.startsWith(name))
      ?.split(/ {2,}/)
  expect(cells(speedTable([row], reference), row.workload)).toEqual([
    ...['stat each of 1000', 'memory', 'A', 'ops/s', '21,390', '20,000', '22,000'],
    ...['10,695', '10,695', '7,861', '2.00', '2.00', '3.00'],
  ])
  const slower = { ...row, median: row.median / 2, timesNative: { same: 1, better: 1 } }
  const old = { node: '', processor: '', quick: false, speed: [slower], traffic: [] }
  expect(cells(comparison([row], old), row.workload)?.slice(-2)).toEqual(['2.00', '2.00'])

  const traffic = await countTraffic(job('write 8 MiB', 'memory', 'A'))
  const counted = {
    workload: 'write 8 MiB',
    device: 'memory',
    configuration: 'A',
    traffic,
  } as const
  expect(cells(trafficTable([counted], reference), 'write 8 MiB')).toContain('8,405,232')
})
