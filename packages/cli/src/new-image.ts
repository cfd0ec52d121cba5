/**
 * A new image as a file of this computer: planned, built (in memory, where it is not vast), and there
 * whole or not at all.
 */

import { readFile, stat } from 'node:fs/promises'
import { withBlockSize } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { FileDevice } from '@caravan/device/node'
import type { Context } from './context.js'
import { checkInterrupted, HostError, UsageError } from './errors.js'
import type { ImageFormat, Making, NewImage, NewImagePlan } from './formats/format.js'
import { checkMakingOptions } from './formats/options.js'
import { formatNamed } from './formats/table.js'
import { blocksInWords, given } from './geometry.js'
import { checkReplaceable, lookAt, makeHostFile, writeHostFile } from './host-files.js'
import type { HostEntry, HostProblem, HostTree } from './host-tree.js'
import { decodeLenient, harmlessName } from './names.js'
import { isAddress, openFile } from './open-image.js'
import { formatCount, formatSize } from './sizes.js'
import { wrapperInName } from './wrapped.js'

interface NewImageOptions {
  readonly force: boolean
  readonly lock: boolean
  /**
   * Where the file that is there has the very bytes, leave it as it is; not looked at in one that is too large for memory.
   * Default false.
   */
  readonly keepSame?: boolean
}

/** The format in which images are made where none is named. */
const FORMAT_DEFAULT = 'littlefs'

/**
 * How an image is to be made, as the command line says.
 *
 * @throws UsageError for a format that cannot be made so, and for options of another one.
 */
export function makingOf(
  { formats }: Context,
  options: { readonly format?: string },
): { readonly format: ImageFormat; readonly making: Making; readonly image: NewImage } {
  const format = formatNamed(formats, options.format ?? FORMAT_DEFAULT)
  const { making } = format
  if (typeof making === 'string') throw new UsageError(making)
  checkMakingOptions(formats, format, options)
  return { format, making, image: making.plan({ ...options }) }
}

/**
 * A plan for as many of the entries as the format can hold; the others join the tree's problems.
 *
 * @throws Interrupted.
 */
export async function planTree(
  { entries, problems }: HostTree,
  image: NewImage,
): Promise<{ plan: NewImagePlan; entries: HostEntry[]; problems: HostProblem[] }> {
  const plan = await image.measure(entries)
  if (plan.problems.length === 0) return { plan, entries, problems }
  const reasons = new Map(plan.problems.map(({ path, message }) => [path, message]))
  const kept: HostEntry[] = []
  const all = [...problems]
  /** A directory that is left out, and so all in it. */
  let leftOut: Uint8Array | undefined
  for (const entry of entries) {
    if (leftOut !== undefined && isBelow(entry.path, leftOut)) continue
    const reason = reasons.get(decodeLenient(entry.path))
    if (reason === undefined) kept.push(entry)
    else {
      all.push({ host: entry.host, reason, kind: 'unsupported' })
      leftOut = entry.path
    }
  }
  return { plan: await image.measure(kept), entries: kept, problems: all }
}

function isBelow(path: Uint8Array, directory: Uint8Array): boolean {
  if (path.length <= directory.length || path[directory.length] !== 0x2f) return false
  return directory.every((byte, i) => byte === path[i])
}

/**
 * Tells of what an image cannot get.
 *
 * @returns false where that is a failure, and nothing is to be written.
 */
export async function reportProblems(
  context: Context,
  format: { readonly name: string },
  problems: readonly HostProblem[],
  skipUnsupported: boolean,
): Promise<boolean> {
  if (problems.length === 0) return true
  await context.out.flush()
  let isFailure = false
  for (const { host, reason, kind } of problems) {
    const name = harmlessName(host)
    if (kind === 'passed over' || (kind === 'unsupported' && skipUnsupported)) {
      context.report.tell(`${name}: left out: ${reason}`)
    } else {
      context.report.fail([name], new HostError('ENOTSUP', reason))
      isFailure = true
    }
  }
  if (!isFailure) return true
  const advice = problems.some(({ kind }) => kind === 'unsupported')
    ? ` --skip-unsupported leaves out what ${format.name} cannot hold.`
    : ''
  context.report.tell(`nothing was written.${advice}`)
  return false
}

/** @throws HostError `ENOSPC` that says by how much it does not fit. */
export function checkFits(
  { blocksNeeded, missingBlocks, smallestBlocks = blocksNeeded, largest: files }: NewImagePlan,
  { blockSize, blockCount }: Pick<NewImage, 'blockSize' | 'blockCount'>,
): void {
  if (missingBlocks === 0 || blockCount === undefined) return
  const largest = files
    .slice(0, 3)
    .map(({ path, size }) => `${harmlessName(Buffer.from(path))} (${formatSize(size)})`)
  throw new HostError(
    'ENOSPC',
    [
      `it does not fit: it needs ${blocksInWords(blocksNeeded, blockSize)}, and there are ${blockCount} (${formatSize(blockCount * blockSize)}): ${formatCount(missingBlocks, 'block')} (${formatSize(missingBlocks * blockSize)}) too few.`,
      ...(largest.length === 0 ? [] : [`The largest: ${largest.join(', ')}.`]),
      `Nothing was written. Leave something out, or give --size ${smallestBlocks * blockSize} or more.`,
    ].join(' '),
  )
}

/** @throws UsageError for the name of a UF2, Intel HEX or gzip file: what is made is a raw image. */
export function checkRawName(name: string): void {
  if (wrapperInName(name) === undefined) return
  throw new UsageError(
    `${name}: what is made is a raw image, not what that name says. Make flash.img, and then: caravan pack flash.img ${name}`,
  )
}

/** @throws HostError where something stands there that may not be replaced; UsageError. */
export async function checkNewImage(name: string, { force }: NewImageOptions): Promise<void> {
  if (isAddress(name)) {
    throw new UsageError(`${name} is on a web server: images are made as files. Give a file.`)
  }
  if (name !== '-') await checkReplaceable(Buffer.from(name), force)
}

/** What of an image it takes to build it. */
type BuiltImage = Pick<NewImage, 'blockSize' | 'progSize' | 'eraseValue' | 'makeOn' | 'make'>

/**
 * Builds an image and puts it where it belongs: a file, or standard output for `-`.
 *
 * @throws HostError, Interrupted, Node's errors; DeviceError `LOCKED` where a program writes to the
 *   image that is to be replaced; what building throws. Then nothing is left of it.
 * @returns false where nothing was written: `keepSame`.
 */
export async function writeNewImage(
  context: Context,
  name: string,
  entries: readonly HostEntry[],
  image: BuiltImage,
  blockCount: number,
  { force, lock, keepSame = false }: NewImageOptions,
): Promise<boolean> {
  const isVast = image.blockSize * blockCount > IN_MEMORY_MAX
  if (name === '-' && context.out.isTerminal) {
    throw new UsageError('Standard output is a terminal. Pass it on: caravan ... - | gzip')
  }
  if (name === '-' && isVast) {
    throw new UsageError('An image of more than 1 GiB does not go to standard output. Give a file.')
  }
  const isFile = name !== '-' && (await lookAt(Buffer.from(name))) === 'file'
  // Whoever writes to the image that stands there would go on writing to a file without a name.
  const isThere = isFile && lock
  const held = isThere ? await openFile(name, {}, { lock }) : undefined
  try {
    const { signal } = context
    if (isVast) {
      await makeHostFile(Buffer.from(name), { force, signal }, async (file, temporary) => {
        await buildInFile(temporary.toString(), entries, image, blockCount)
        await file.sync()
      })
      return true
    }
    const bytes = await buildInMemory(entries, image, blockCount)
    checkInterrupted(signal)
    if (name === '-') await context.out.put(bytes)
    else if (keepSame && isFile && (await hasBytes(name, bytes))) return false
    else await writeHostFile(Buffer.from(name), piecesOf(bytes), { force, durable: true, signal })
    return true
  } finally {
    await held?.close()
  }
}

/** Larger images, of disks more than of flash, are built in a sparse file. */
const IN_MEMORY_MAX = 2 ** 30

async function buildInMemory(
  entries: readonly HostEntry[],
  image: BuiltImage,
  blockCount: number,
): Promise<Uint8Array> {
  if (image.make !== undefined) return image.make(blockCount, entries)
  const { blockSize, progSize, eraseValue } = image
  const device = new MemoryDevice({ blockSize, blockCount, ...given({ progSize, eraseValue }) })
  await image.makeOn(device, blockCount, entries)
  return device.bytes
}

/** As it is built in memory, but that what is never written reads as 0x00. */
async function buildInFile(
  path: string,
  entries: readonly HostEntry[],
  image: BuiltImage,
  blockCount: number,
): Promise<void> {
  const { blockSize, progSize = 1, eraseValue = 0xff } = image
  const sizes = { blockSize, blockCount, progSize, eraseValue }
  const device = await FileDevice.open(path, { ...sizes, create: true, lock: false })
  try {
    await image.makeOn(withBlockSize(device, blockSize), blockCount, entries)
  } finally {
    await device.close()
  }
}

async function hasBytes(path: string, bytes: Uint8Array): Promise<boolean> {
  return (await stat(path)).size === bytes.length && (await readFile(path)).equals(bytes)
}

const PIECE_SIZE = 1 << 20

/** So that an interruption is heeded between two. */
function* piecesOf(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_SIZE) yield bytes.subarray(at, at + PIECE_SIZE)
}
