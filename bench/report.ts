/** Tables of what was measured. */

import type { Calibration } from './calibration.js'
import type { Traffic } from './devices.js'
import { findRow } from './groups.js'
import type { Reference, Standing } from './reference.js'
import type { RowKey } from './row.js'
import { figure, layOut, median } from './table.js'
import type { Configuration } from './workload.js'

/** What `--json` writes, and `--compare` reads. */
export interface Results {
  readonly node: string
  readonly processor: string
  readonly quick: boolean
  readonly speed: readonly SpeedRow[]
  readonly traffic: readonly TrafficRow[]
  /** Rows that failed, or that the packages measured could not do yet. */
  readonly missing?: readonly MissingRow[]
  /** The commit of `--packages`. */
  readonly commit?: string
}

export interface MissingRow extends RowKey {
  readonly reason: string
}

export interface SpeedRow extends RowKey {
  readonly group: string
  readonly unit: string
  /** Units a second. */
  readonly median: number
  readonly slowest: number
  readonly fastest: number
  readonly repetitions: number
  readonly calibration: Calibration
  /** Estimates. */
  readonly standing: Standing | undefined
  readonly memoryBytes: number
}

export interface TrafficRow extends RowKey {
  readonly traffic: Traffic
}

const SPEED_COLUMNS = ['work', 'by', '', 'unit', 'median', 'slowest', 'fastest']
const REFERENCE_COLUMNS = ['C same', 'C better', 'wasm', 'x C same*', 'x C better*', 'x asked*']

export function speedTable(rows: readonly SpeedRow[], reference: Reference): string {
  const optional = (value: number | undefined) => (value === undefined ? '' : figure(value))
  const cells = rows.map((row) => {
    const peer = reference.speed[findRow(row).reference ?? row.name]
    const { native, wasm } = peer ?? {}
    return [
      row.name,
      row.subject,
      row.configuration,
      row.unit,
      figure(row.median),
      figure(row.slowest),
      figure(row.fastest),
      optional(native?.[row.configuration as Configuration]),
      optional(native && Math.max(native.A, native.B)),
      optional(wasm && Math.max(wasm.A, wasm.B)),
      optional(row.standing?.same),
      optional(row.standing?.better),
      optional(row.standing?.asked),
      figure(row.memoryBytes / 2 ** 20),
    ]
  })
  return `${layOut([[...SPEED_COLUMNS, ...REFERENCE_COLUMNS, 'MiB'], ...cells], 4)}
* Times C native, calibrated: an estimate. The C figures were measured elsewhere, at another time;
  they are scaled by what this machine did at the time of each row in the calibration below,
  divided by what that one did: by the copy where work copies (MB/s, random reads), else by the CRC.
  "Asked" is what we ask of ourselves: so many times the better of C's two, 1 where just reached.
  MiB: the most of heapUsed + arrayBuffers at the end of a repetition, garbage and all.
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
      line('streaming Uint8Array.set of 8 MiB', 'copy'),
      line('table CRC-32 of 4 KiB', 'crc'),
    ],
    1,
  )
}

export function trafficTable(rows: readonly TrafficRow[], reference: Reference): string {
  const count = (value: number) => value.toLocaleString('en-US')
  const cells = rows.map(({ name, configuration, traffic }) => {
    const peer = reference.traffic[name]
    const keys = ['bytesProgrammed', 'blocksErased'] as const
    const own = peer?.[configuration as Configuration]
    const peerCells =
      peer && own
        ? [
            ...(['bytesRead', ...keys] as const).map((key) => count(own[key])),
            ...keys.map((key) => figure(traffic[key] / own[key])),
            ...keys.map((key) => figure(traffic[key] / Math.min(peer.A[key], peer.B[key]))),
          ]
        : ['', '', '', '', '', '', '']
    return [
      name,
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
  const keyOf = ({ name, subject, configuration }: RowKey) =>
    `${name} | ${subject} | ${configuration}`
  const before = new Map(old.speed.map((row) => [keyOf(row), row]))
  const cells = rows.flatMap((row) => {
    const was = before.get(keyOf(row))
    if (was === undefined) return []
    const plain = row.median / was.median
    const { yardstick } = findRow(row)
    const machine = row.calibration[yardstick] / was.calibration[yardstick]
    return [
      [
        row.name,
        row.subject,
        row.configuration,
        figure(was.median),
        figure(row.median),
        figure(plain),
        figure(plain / machine),
      ],
    ]
  })
  const head = ['compared', 'by', '', 'before', 'now', 'ratio', 'calibrated']
  return layOut([head, ...cells], 3)
}
