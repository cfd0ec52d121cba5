/**
 * A device that fails requests of another one as it is told: once or for ever, before, in the middle
 * or after they were done; at once or late.
 *
 * 1. Requests are counted from 0, over all kinds, in the order in which they are made.
 * 2. What of a failed request was done is said by how it fails, and nobody is told more.
 */

import { type Answer, type BlockDevice, DeviceError, type Geometry, type Span } from '@caravan/core'
import type { Random } from './model/random.js'

export type RequestKind = 'read' | 'prog' | 'erase' | 'sync'

/**
 * How a request fails. `refused`: nothing of it was done; `short`: the first part of it, up to any
 * unit of it; `lost answer`: all of it was done, and then it failed.
 */
export type FaultWay = 'refused' | 'short' | 'lost answer'

export interface Fault {
  readonly way: FaultWay
  /** The request that fails first. */
  readonly from: number
  /** How many fail from there on, of those that match. Default: all, for ever. */
  readonly count?: number
  /** Which requests fail. Default: every one. */
  readonly only?: RequestKind
}

export interface FaultyDeviceOptions {
  readonly fault?: Fault
  /** For `short`: how much of a request is done. Default: half. */
  readonly random?: Random
  /** Answer in a later turn of the event loop, right or wrong. Default: as the device does. */
  readonly late?: boolean
}

export class FaultyDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean
  /** What fails from now on. */
  fault: Fault | undefined
  /** Requests that failed by our doing. */
  failedCount = 0
  private count = 0

  constructor(
    private readonly device: BlockDevice,
    private readonly options: FaultyDeviceOptions = {},
  ) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
    this.fault = options.fault
  }

  /** Requests so far. */
  get requestCount(): number {
    return this.count
  }

  /** @throws DeviceError `IO`, `SHORT_TRANSFER`: what was asked for; what the device throws. */
  read(spans: readonly Span[]): Answer {
    return this.answer(
      'read',
      spans[0],
      () => this.device.read(spans),
      () => {
        return this.device.read(this.partOf(spans, this.geometry.readSize))
      },
    )
  }

  prog(spans: readonly Span[]): Answer {
    return this.answer(
      'prog',
      spans[0],
      () => this.device.prog(spans),
      () => {
        return this.device.prog(this.partOf(spans, this.geometry.progSize))
      },
    )
  }

  erase(blocks: readonly number[]): Answer {
    const first = blocks[0]
    const at = first === undefined ? undefined : { block: first }
    return this.answer(
      'erase',
      at,
      () => this.device.erase(blocks),
      () => {
        return this.device.erase(blocks.slice(0, this.some(blocks.length)))
      },
    )
  }

  /** A short one made nothing durable. */
  sync(): Answer {
    return this.answer(
      'sync',
      undefined,
      () => this.device.sync(),
      () => undefined,
    )
  }

  close(): Answer {
    return this.device.close()
  }

  private answer(
    kind: RequestKind,
    at: { readonly block: number; readonly offset?: number } | undefined,
    whole: () => Answer,
    part: () => Answer,
  ): Answer {
    const ask = this.takesFault(kind) ? () => this.fail(kind, at, whole, part) : whole
    if (this.options.late !== true) return ask()
    return new Promise<void>((resolve) => setImmediate(resolve)).then(ask)
  }

  private takesFault(kind: RequestKind): boolean {
    const index = this.count++
    const { fault } = this
    if (fault === undefined || index < fault.from) return false
    if (fault.only !== undefined && fault.only !== kind) return false
    if (this.failedCount >= (fault.count ?? Number.POSITIVE_INFINITY)) return false
    this.failedCount++
    return true
  }

  private fail(
    kind: RequestKind,
    at: { readonly block: number; readonly offset?: number } | undefined,
    whole: () => Answer,
    part: () => Answer,
  ): Answer {
    const way = this.fault?.way ?? 'refused'
    const done = way === 'refused' ? undefined : way === 'short' ? part() : whole()
    const code = way === 'short' ? 'SHORT_TRANSFER' : 'IO'
    const where = at === undefined ? '' : ` of block ${at.block}`
    const error = new DeviceError(code, `The ${kind}${where} failed on purpose: ${way}.`, {
      request: kind,
      ...at,
    })
    if (done === undefined) throw error
    return done.then(() => {
      throw error
    })
  }

  /** The first units of some spans, one less than all at most. */
  private partOf(spans: readonly Span[], unit: number): Span[] {
    const total = spans.reduce((sum, { bytes }) => sum + bytes.length / unit, 0)
    let left = this.some(total)
    const part: Span[] = []
    for (const { block, offset, bytes } of spans) {
      const units = Math.min(left, bytes.length / unit)
      if (units > 0) part.push({ block, offset, bytes: bytes.subarray(0, units * unit) })
      left -= units
    }
    return part
  }

  private some(total: number): number {
    return this.options.random?.int(Math.max(total, 1)) ?? total >> 1
  }
}
