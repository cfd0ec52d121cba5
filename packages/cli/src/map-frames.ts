/** Pictures of an image's blocks one after the other: as somebody changes it, or under a workload. */

import { stat } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { type BlockDevice, DeviceError, FormatError, type Span } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { type AgedBlock, BlockAges } from './block-ages.js'
import type { Context } from './context.js'
import { checkInterrupted, HostError, UsageError } from './errors.js'
import type { BlockLook, ImageFormat, ImageOptions, MountedImage } from './formats/format.js'
import { readBytes, sizeOf } from './formats/read-bytes.js'
import { usePart } from './open-image.js'
import { lacks } from './verb.js'
import { Workload } from './workload.js'

export interface Frame {
  /** What was done, or when. */
  readonly title: string
  readonly blockSize: number
  readonly blocks: readonly AgedBlock[]
  readonly looks: Readonly<Record<string, BlockLook>>
}

interface WorkloadOptions {
  readonly steps: number
  readonly seed: number
}

/** A copy in memory is what a workload runs on. */
const COPY_MAX = 256 * 1024 * 1024

/**
 * The image as it is, and after each operation of a workload, which runs on a copy in memory: the
 * image itself is only read.
 *
 * @throws as opening it; UsageError where it cannot be changed, or is too large.
 */
export async function workloadFrames(
  context: Context,
  name: string,
  options: ImageOptions,
  { steps, seed }: WorkloadOptions,
  onFrame: (frame: Frame) => Promise<void>,
): Promise<void> {
  await usePart(name, options, context, false, async (part, format) => {
    if (format.unchanging !== undefined) lacks({ name, format }, 'is not changed in place')
    if (sizeOf(part) > COPY_MAX) {
      throw new UsageError(`${name} has more than 256 MiB: a workload runs on a copy in memory.`)
    }
    const copy = new MemoryDevice(await readBytes(part, 0, sizeOf(part)))
    const mounted = await format.open(copy, options, true)
    const pictures = new Pictures(name, format)
    const workload = new Workload(mounted.fs, (mounted.blockSize * mounted.blockCount) / 12, seed)
    await onFrame(await pictures.take(copy, mounted, 'as it is'))
    for (let step = 1; step <= steps; step++) {
      checkInterrupted(context.signal)
      const done = await workload.step()
      await onFrame(await pictures.take(copy, mounted, `${step}: ${done}`))
    }
  })
}

interface WatchOptions {
  /** Pictures until the end; without end where not given. */
  readonly frameMax: number | undefined
  /** Between two looks at whether the image has changed. */
  readonly intervalMs: number
}

/**
 * The image as it is, and again whenever it has changed. One that is being changed may not be
 * readable for a moment: that is waited out.
 *
 * @throws as opening it the first time; Interrupted.
 */
export async function watchFrames(
  context: Context,
  name: string,
  options: ImageOptions,
  { frameMax = Number.POSITIVE_INFINITY, intervalMs }: WatchOptions,
  onFrame: (frame: Frame) => Promise<void>,
): Promise<void> {
  let pictures: Pictures | undefined
  let seen: string | undefined
  for (let count = 0; count < frameMax; ) {
    checkInterrupted(context.signal)
    const { mtimeMs, size } = await stat(name)
    const now = `${mtimeMs} ${size}`
    if (now !== seen) {
      try {
        await usePart(name, options, context, false, async (part, format) => {
          pictures ??= new Pictures(name, format)
          const mounted = await format.open(part, options, false)
          const time = new Date(mtimeMs).toISOString().slice(11, 23)
          await onFrame(await pictures.take(part, mounted, `written at ${time} UTC`))
          await mounted.unmount()
        })
        count++
        seen = now
      } catch (error) {
        const mayPass = error instanceof FormatError || error instanceof DeviceError
        if (count === 0 || !mayPass) throw error
      }
    }
    if (count < frameMax) await pause(intervalMs, context.signal)
  }
}

/** Resolves early where the signal says so. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms === 0 || signal.aborted) return
  await new Promise<void>((resolve) => {
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
    function end() {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
  })
}

class Pictures {
  private readonly ages = new BlockAges()

  constructor(
    private readonly name: string,
    private readonly format: ImageFormat,
  ) {}

  async take(device: BlockDevice, mounted: MountedImage, title: string): Promise<Frame> {
    const { blockMap, blockSize, blockCount } = mounted
    if (blockMap === undefined) {
      const { name, format } = this
      return lacks({ name, format }, 'has no blocks of several kinds to show')
    }
    const uses = await blockMap.uses()
    const sums = await sumsOf(
      device,
      blockSize,
      uses.map(({ block }) => block),
    )
    const blocks = this.ages.advance(uses, blockCount, (block) => sums.get(block) ?? 0)
    return { title, blockSize, blocks, looks: blockMap.looks }
  }
}

/** A checksum of each of the blocks. */
async function sumsOf(
  device: BlockDevice,
  blockSize: number,
  blocks: readonly number[],
): Promise<Map<number, number>> {
  const view = device.withBlockSize?.(blockSize) ?? device
  const { blockCount } = view.geometry
  if (view.geometry.blockSize !== blockSize) {
    throw new HostError('EINVAL', 'the blocks of this device are not those of the filesystem.')
  }
  const sums = new Map<number, number>()
  const there = blocks.filter((block) => block < blockCount)
  for (let at = 0; at < there.length; at += BATCH_COUNT) {
    const spans = there.slice(at, at + BATCH_COUNT).map((block): Span => {
      return { block, offset: 0, bytes: new Uint8Array(blockSize) }
    })
    await view.read(spans)
    for (const { block, bytes } of spans) sums.set(block, crc32(bytes))
  }
  return sums
}

/** Blocks read at once. */
const BATCH_COUNT = 256
