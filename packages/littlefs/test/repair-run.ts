/**
 * Random damage, repaired: what a mount showed before it shows after, in place and in a new image; cut
 * at any request it is no worse.
 */

import { createHash } from 'node:crypto'
import { DeviceError, FormatError, runSync } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { LittleFS, repair, salvage } from '@caravan/littlefs'
import { CrashDevice, checkLittlefs, cutsInOrder, cutsOutOfOrder, Random } from '@caravan/testkit'
import { type RepairOptions, repairOn } from '../src/repair/face.js'
import { type DamagedImage, drawDamage } from './damage-run.js'

export interface RepairCounts {
  images: number
  /** Repaired in place, so that the independent checker has nothing to say. */
  mended: number
  states: number
}

/** One line a file or directory that can be read, with what it holds. */
export type Tree = readonly string[]

/** `undefined` where it does not mount. */
export function treeOf(image: Uint8Array, blockSize: number): Tree | undefined {
  const device = new MemoryDevice(image as Uint8Array<ArrayBuffer>, { blockSize, readOnly: true })
  let fs: LittleFS
  try {
    fs = LittleFS.mountSync(device, { blockSize, nameMax: 1022 })
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
  const lines: string[] = []
  for (const entry of fs.walkSync()) {
    const { path, type, attributes, error } = entry
    // What cannot be read is not there to be kept.
    if (error !== undefined || type === 'other') continue
    const attrs = [...attributes].map(
      ([key, value]) => `${key}=${Buffer.from(value).toString('hex')}`,
    )
    try {
      const content =
        type === 'file' ? createHash('sha256').update(fs.readEntrySync(entry)).digest('hex') : ''
      lines.push([path, type, content, ...attrs].join(' '))
    } catch (failure) {
      if (!(failure instanceof FormatError) && !(failure instanceof DeviceError)) throw failure
    }
  }
  return lines.sort()
}

/** Lines of `before` that `after` does not have. */
export function missing(before: Tree, after: Tree): string[] {
  const rest = [...after]
  return before.filter((line) => {
    const place = rest.indexOf(line)
    if (place !== -1) rest.splice(place, 1)
    return place === -1
  })
}

export async function repairDamage(
  seed: number,
  folder: URL,
  counts: RepairCounts,
): Promise<string | undefined> {
  const random = new Random(seed)
  const damaged = drawDamage(random, folder)
  counts.images++
  return (
    (await inPlace(damaged, counts)) ??
    (await intoNew(damaged)) ??
    (random.oneIn(4) ? cutShort(damaged, random, counts) : undefined)
  )
}

async function inPlace(damaged: DamagedImage, counts: RepairCounts): Promise<string | undefined> {
  const { story, image, blockSize } = damaged
  const before = treeOf(image, blockSize)
  const bytes = image.slice()
  const { left } = await repair(new MemoryDevice(bytes, { blockSize }), { blockSize })
  const after = treeOf(bytes, blockSize)
  if (before === undefined) {
    return bytes.every((byte, i) => byte === image[i])
      ? undefined
      : `written to, unmounted: ${story}`
  }
  if (after === undefined) return `does not mount after the repair: ${story}`
  const lost = [...missing(before, after), ...missing(after, before)]
  if (lost.length > 0)
    return `another tree after the repair (${lost.slice(0, 3).join('; ')}): ${story}`
  if (left.length > 0) return undefined
  counts.mended++
  const findings = checkLittlefs(bytes, { blockSize })
  if (findings.length === 0) return undefined
  return `told as mended, and yet ${findings.map(({ message }) => message).join('; ')}: ${story}`
}

/** What is shown is in the new image, and that is sound. */
export async function intoNew({
  story,
  image,
  blockSize,
}: DamagedImage): Promise<string | undefined> {
  const before = treeOf(image, blockSize)
  let bytes: Uint8Array
  let renamed: boolean
  try {
    const made = await salvage(new MemoryDevice(image, { blockSize, readOnly: true }), {
      blockSize,
    })
    bytes = made.bytes
    renamed = made.problems.some(({ isLost }) => !isLost)
  } catch (error) {
    if (before === undefined && error instanceof FormatError) return undefined
    const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC'
    // What two entries share does not always fit twice.
    return isFull ? undefined : `${String(error)}: ${story}`
  }
  // Damage makes names that are longer than usual limits.
  const findings = checkLittlefs(bytes, { blockSize }).filter(
    ({ code }) => code !== 'superblock-limits',
  )
  if (findings.length > 0) {
    return `the new image: ${findings.map(({ message }) => message).join('; ')}: ${story}`
  }
  const after = treeOf(bytes, blockSize) ?? []
  const withoutPath = (line: string) => line.slice(line.indexOf(' '))
  const lost = renamed
    ? missing((before ?? []).map(withoutPath), after.map(withoutPath))
    : missing(before ?? [], after)
  return lost.length === 0 ? undefined : `not in the new image: ${lost.join('; ')}: ${story}`
}

/** Every cut of the repair in place leaves what was there. */
export function cutShort(
  { story, image, blockSize, blockCount }: DamagedImage,
  random: Random,
  counts: RepairCounts,
  options: RepairOptions = {},
): string | undefined {
  const before = treeOf(image, blockSize)
  if (before === undefined) return undefined
  const geometry = { blockSize, blockCount, readSize: 16, progSize: 16 }
  const state = { bytes: image.slice(), erased: new Uint8Array(image.length / 16) }
  const device = new CrashDevice({ ...geometry, strict: false, state })
  device.startRecording()
  runSync(repairOn(device, options), device)
  const recording = device.stopRecording()
  for (const makeCuts of [cutsInOrder, cutsOutOfOrder]) {
    for (const { state: cut, label } of makeCuts(recording, {
      geometry,
      eraseValue: 0xff,
      random,
    })) {
      counts.states++
      const after = treeOf(cut.bytes, blockSize)
      const lost = after === undefined ? before : missing(before, after)
      if (lost.length > 0) return `cut ${label}: ${lost.slice(0, 3).join('; ')} lost: ${story}`
    }
  }
  return undefined
}
