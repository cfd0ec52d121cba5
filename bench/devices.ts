/** The devices that workloads run on. */

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { BlockDevice, Geometry, Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { FileDevice } from '@caravan/device/node'

/**
 * `memory`: the synchronous calls; `promise`: the same device by the promise form; `async`: one in
 * memory that always answers later; `file`: a file, every sync an fdatasync.
 */
export type DeviceKind = 'memory' | 'promise' | 'async' | 'file'

interface OpenedDevice {
  readonly device: BlockDevice
  /** Bytes in memory that are the device's own. */
  readonly memoryBytes: number
  readonly close: () => void
}

/** @param directory Where a file is made, and removed again by `close`. */
export function openDevice(kind: DeviceKind, geometry: Geometry, directory: string): OpenedDevice {
  if (kind === 'file') {
    const folder = mkdtempSync(join(directory, 'caravan-bench-'))
    const device = FileDevice.openSync(join(folder, 'image'), { ...geometry, create: true })
    const close = () => {
      device.close()
      rmSync(folder, { recursive: true })
    }
    return { device, memoryBytes: 0, close }
  }
  const memory = new MemoryDevice(geometry)
  const device = kind === 'async' ? new LaterDevice(memory) : memory
  return { device, memoryBytes: memory.bytes.length, close: () => memory.close() }
}

/** Answers every request with a promise. */
class LaterDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean

  constructor(private readonly device: BlockDevice) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
  }

  async read(spans: readonly Span[]): Promise<void> {
    await undefined
    await this.device.read(spans)
  }

  async prog(spans: readonly Span[]): Promise<void> {
    await undefined
    await this.device.prog(spans)
  }

  async erase(blocks: readonly number[]): Promise<void> {
    await undefined
    await this.device.erase(blocks)
  }

  async sync(): Promise<void> {
    await undefined
    await this.device.sync()
  }

  async close(): Promise<void> {
    await this.device.close()
  }
}

/** What was asked of a device. */
export interface Traffic {
  readonly bytesRead: number
  readonly bytesProgrammed: number
  readonly blocksErased: number
  /** Requests of each kind, however many spans or blocks they have. */
  readonly reads: number
  readonly progs: number
  readonly erases: number
  readonly syncs: number
}

const NO_TRAFFIC: Traffic = {
  bytesRead: 0,
  bytesProgrammed: 0,
  blocksErased: 0,
  reads: 0,
  progs: 0,
  erases: 0,
  syncs: 0,
}

/** Passes every request on, and counts it. */
export class CountingDevice implements BlockDevice {
  readonly geometry: Geometry
  readonly readOnly: boolean
  private counted = { ...NO_TRAFFIC }

  constructor(private readonly device: BlockDevice) {
    this.geometry = device.geometry
    this.readOnly = device.readOnly
  }

  /** Since the beginning, or the last {@link reset}. */
  get traffic(): Traffic {
    return { ...this.counted }
  }

  reset(): void {
    this.counted = { ...NO_TRAFFIC }
  }

  read(spans: readonly Span[]) {
    this.counted.reads++
    for (const { bytes } of spans) this.counted.bytesRead += bytes.length
    return this.device.read(spans)
  }

  prog(spans: readonly Span[]) {
    this.counted.progs++
    for (const { bytes } of spans) this.counted.bytesProgrammed += bytes.length
    return this.device.prog(spans)
  }

  erase(blocks: readonly number[]) {
    this.counted.erases++
    this.counted.blocksErased += blocks.length
    return this.device.erase(blocks)
  }

  sync() {
    this.counted.syncs++
    return this.device.sync()
  }

  close() {
    return this.device.close()
  }
}
