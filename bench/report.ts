/** Tables of what was measured. */

import type { Calibration } from './calibration.js'
import type { DeviceKind, Traffic } from './devices.js'
import { type Reference, timesNative } from './reference.js'
import type { Configuration } from './workload.js'
import { findWorkload } from './workloads.js'

/** What `--json` writes, and `--compare` reads. */
export interface Results {
  readonly node: string
  readonly processor: string
  readonly quick: boolean
  readonly speed: readonly SpeedRow[]
  readonly traffic: readonly TrafficRow[]
}

interface RowKey {
  readonly workload: string
  readonly device: DeviceKind
  readonly configuration: Configuration
}

export interface SpeedRow extends RowKey {
  readonly unit: string
  /** Units a second. */
  readonly median: number
  readonly slowest: number
  readonly fastest: number
  readonly repetitions: number
  readonly calibration: Calibration
  /** Estimates: see {@link timesNative}. */
  readonly timesNative: { readonly same: number; readonly better: number } | undefined
  readonly memoryBytes: number
}

export interface TrafficRow extends RowKey {
  readonly traffic: Traffic
}

/** @param rates Ascending. */
export function median(rates: readonly number[]): number {
  const middle = rates.length >> 1
  const upper = rates[middle] as number
  return rates.length % 2 === 1 ? upper : ((rates[middle - 1] as number) + upper) / 2
}

const SPEED_COLUMNS = ['work', 'device', '', 'unit', 'median', 'slowest', 'fastest']
const REFERENCE_COLUMNS = ['C same', 'C better', 'wasm', 'x C same*', 'x C better*', 'MiB']

export function speedTable(rows: readonly SpeedRow[], reference: Reference): string {
  const cells = rows.map((row) => {
    const workload = findWorkload(row.workload, row.device)
    const peer = reference.speed[workload.reference ?? workload.name]
    const peerCells = peer
      ? [
          figure(peer.native[row.configuration]),
          figure(Math.max(peer.native.A, peer.native.B)),
          figure(Math.max(peer.wasm.A, peer.wasm.B)),
        ]
      : ['', '', '']
    return [
      row.workload,
      row.device,
      row.configuration,
      row.unit,
      figure(row.median),
      figure(row.slowest),
      figure(row.fastest),
      ...peerCells,
      row.timesNative ? figure(row.timesNative.same) : '',
      row.timesNative ? figure(row.timesNative.better) : '',
      figure(row.memoryBytes / 2 ** 20),
    ]
  })
  return `${layOut([[...SPEED_COLUMNS, ...REFERENCE_COLUMNS], ...cells], 4)}
* Times C native, calibrated: an estimate. The C figures were measured elsewhere, at another time;
  they are scaled by what this machine did at the time of each row in the calibration below,
  divided by what that one did: by the copy where work copies (MB/s, random reads), else by the CRC.
`
}

/** The calibration of each row, summed up. */
export function calibrationTable(rows: readonly SpeedRow[], reference: Reference): string {
  const line = (name: string, yardstick: keyof Calibration) => {
    const values = rows.map(({ calibration }) => calibration[yardstick]).sort((a, b) => a - b)
    const ends = [median(values), values[0] as number, values.at(-1) as number]
    return [name, ...[...ends, reference.calibration[yardstick].value].map(figure)]
  }
  return layOut(
    [
      ['calibration, GB/s', 'median', 'slowest', 'fastest', "C figures' machine"],
      line('Uint8Array.set of 8 MiB', 'copy'),
      line('table CRC-32 of 4 KiB', 'crc'),
    ],
    1,
  )
}

export function trafficTable(rows: readonly TrafficRow[], reference: Reference): string {
  const count = (value: number) => value.toLocaleString('en-US')
  const cells = rows.map(({ workload, configuration, traffic }) => {
    const peer = reference.traffic[workload]
    const keys = ['bytesProgrammed', 'blocksErased'] as const
    const peerCells = peer
      ? [
          ...(['bytesRead', ...keys] as const).map((key) => count(peer[configuration][key])),
          ...keys.map((key) => figure(traffic[key] / peer[configuration][key])),
          ...keys.map((key) => figure(traffic[key] / Math.min(peer.A[key], peer.B[key]))),
        ]
      : ['', '', '', '', '', '', '']
    return [
      workload,
      configuration,
      ...[traffic.bytesRead, traffic.bytesProgrammed, traffic.blocksErased].map(count),
      ...peerCells,
      ...[traffic.reads, traffic.progs, traffic.erases, traffic.syncs].map(count),
    ]
  })
  const head = ['device traffic', '', 'B read', 'B programmed', 'erased']
  const peerHead = ['C: B read', 'B programmed', 'erased']
  const ratioHead = ['programmed / C same', 'erased', 'programmed / C better', 'erased']
  const requests = ['requests: read', 'prog', 'erase', 'sync']
  return layOut([[...head, ...peerHead, ...ratioHead, ...requests], ...cells], 2)
}

/** How much faster than in results written before, by the calibration of each. */
export function comparison(rows: readonly SpeedRow[], old: Results): string {
  const keyOf = ({ workload, device, configuration }: RowKey) =>
    `${workload} | ${device} | ${configuration}`
  const before = new Map(old.speed.map((row) => [keyOf(row), row]))
  const cells = rows.flatMap((row) => {
    const was = before.get(keyOf(row))
    if (was === undefined) return []
    const plain = row.median / was.median
    const calibrated =
      row.timesNative && was.timesNative ? row.timesNative.same / was.timesNative.same : plain
    return [
      [
        row.workload,
        row.device,
        row.configuration,
        figure(was.median),
        figure(row.median),
        figure(plain),
        figure(calibrated),
      ],
    ]
  })
  const head = ['compared', 'device', '', 'before', 'now', 'ratio', 'calibrated']
  return layOut([head, ...cells], 3)
}

/** Three digits, or all before the point. */
function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toPrecision(value < 0.1 ? 2 : 3)
}

/** Columns wide enough for their cells; the first `leftCount` begin at the left. */
function layOut(rows: readonly (readonly string[])[], leftCount: number): string {
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
