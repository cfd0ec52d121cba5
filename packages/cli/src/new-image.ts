/**
 * A new image as a file of this computer: planned, built (in memory, where it is not vast), and there
 * whole or not at all.
 */

import { FileDevice } from '@caravan/device/node'
import { buildImage, type ImagePlan, LittleFS, planImage } from '@caravan/littlefs'
import type { Context } from './context.js'
import { checkInterrupted, HostError, UsageError } from './errors.js'
import { blocksInWords, type Layout } from './geometry.js'
import { checkReplaceable, lookAt, makeHostFile, writeHostFile } from './host-files.js'
import type { HostEntry, HostProblem, HostTree } from './host-tree.js'
import { decodeLenient, harmlessName } from './names.js'
import { openFile } from './open-image.js'
import { formatCount, formatSize } from './sizes.js'

interface NewImageOptions {
  readonly force: boolean
  readonly lock: boolean
}

/**
 * A plan for as many of the entries as the format can hold; the others join the tree's problems.
 *
 * @throws Interrupted.
 */
export async function planTree(
  { entries, problems }: HostTree,
  layout: Layout,
): Promise<{ plan: ImagePlan; entries: HostEntry[]; problems: HostProblem[] }> {
  const plan = await planImage(imageEntries(entries), layout)
  if (plan.problems.length === 0) return { plan, entries, problems }
  const reasons = new Map(plan.problems.map(({ path, message }) => [path, message]))
  const kept: HostEntry[] = []
  const all = [...problems]
  /** A directory that is left out, and so all in it. */
  let leftOut: Uint8Array | undefined
  for (const entry of entries) {
    if (leftOut !== undefined && isBelow(entry.path, leftOut)) continue
    const reason = reasons.get(planPath(entry))
    if (reason === undefined) kept.push(entry)
    else {
      all.push({ host: entry.host, reason, kind: 'unsupported' })
      leftOut = entry.path
    }
  }
  return { plan: await planImage(imageEntries(kept), layout), entries: kept, problems: all }
}

/** As a plan names it. */
function planPath({ image }: HostEntry): string {
  return typeof image.path === 'string' ? image.path : decodeLenient(image.path)
}

function isBelow(path: Uint8Array, directory: Uint8Array): boolean {
  if (path.length <= directory.length || path[directory.length] !== 0x2f) return false
  return directory.every((byte, i) => byte === path[i])
}

function* imageEntries(entries: readonly HostEntry[]) {
  for (const { image } of entries) yield image
}

/**
 * Tells of what an image cannot get.
 *
 * @returns false where that is a failure, and nothing is to be written.
 */
export async function reportProblems(
  context: Context,
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
    ? ' --skip-unsupported leaves out what littlefs cannot hold.'
    : ''
  context.report.tell(`nothing was written.${advice}`)
  return false
}

/** @throws HostError `ENOSPC` that says by how much it does not fit. */
export function checkFits(plan: ImagePlan): void {
  const { blockSize, blockCount, blocksNeeded, missingBlocks } = plan
  if (missingBlocks === 0 || blockCount === undefined) return
  const largest = plan.largest
    .slice(0, 3)
    .map(({ path, size }) => `${harmlessName(Buffer.from(path))} (${formatSize(size)})`)
  throw new HostError(
    'ENOSPC',
    [
      `it does not fit: it needs ${blocksInWords(blocksNeeded, blockSize)}, and there are ${blockCount} (${formatSize(blockCount * blockSize)}): ${formatCount(missingBlocks, 'block')} (${formatSize(missingBlocks * blockSize)}) too few.`,
      ...(largest.length === 0 ? [] : [`The largest: ${largest.join(', ')}.`]),
      `Nothing was written. Leave something out, or give --size ${blocksNeeded * blockSize} or more.`,
    ].join(' '),
  )
}

/** @throws HostError where something stands there that may not be replaced. */
export async function checkNewImage(name: string, { force }: NewImageOptions): Promise<void> {
  if (name !== '-') await checkReplaceable(Buffer.from(name), force)
}

/**
 * Builds an image and puts it where it belongs: a file, or standard output for `-`.
 *
 * @throws HostError, Interrupted, Node's errors; DeviceError `LOCKED` where a program writes to the
 *   image that is to be replaced; what building throws. Then nothing is left of it.
 */
export async function writeNewImage(
  context: Context,
  name: string,
  entries: readonly HostEntry[],
  layout: Layout & { readonly blockCount: number },
  { force, lock }: NewImageOptions,
): Promise<void> {
  if (name === '-' && context.out.isTerminal) {
    throw new UsageError('Standard output is a terminal. Pass it on: caravan create DIR - | gzip')
  }
  if (name === '-' && layout.blockSize * layout.blockCount > IN_MEMORY_MAX) {
    throw new UsageError('An image of more than 1 GiB does not go to standard output. Give a file.')
  }
  // Whoever writes to the image that stands there would go on writing to a file without a name.
  const isThere = name !== '-' && lock && (await lookAt(Buffer.from(name))) === 'file'
  const held = isThere ? await openFile(name, {}, { lock }) : undefined
  try {
    const { signal } = context
    if (name !== '-' && layout.blockSize * layout.blockCount > IN_MEMORY_MAX) {
      return await makeHostFile(Buffer.from(name), { force, signal }, async (file, temporary) => {
        await buildInFile(temporary.toString(), entries, layout)
        await file.sync()
      })
    }
    const bytes = await buildImage(imageEntries(entries), layout)
    checkInterrupted(signal)
    if (name === '-') return await context.out.put(bytes)
    await writeHostFile(Buffer.from(name), piecesOf(bytes), { force, durable: true, signal })
  } finally {
    await held?.close()
  }
}

/** Larger images, of disks more than of flash, are built in a sparse file. */
const IN_MEMORY_MAX = 2 ** 30

/** As `buildImage` does it, but that what is never written reads as 0x00. */
async function buildInFile(
  path: string,
  entries: readonly HostEntry[],
  layout: Layout & { readonly blockCount: number },
): Promise<void> {
  const { blockSize, blockCount, progSize = 1, eraseValue = 0xff } = layout
  const sizes = { blockSize, blockCount, progSize, eraseValue }
  const device = await FileDevice.open(path, { ...sizes, create: true, lock: false })
  try {
    await LittleFS.format(device, layout)
    const fs = await LittleFS.mount(device, { ...layout, blockCycles: -1 })
    await fs.addTree(imageEntries(entries))
    await fs.unmount()
  } finally {
    await device.close()
  }
}

const PIECE_SIZE = 1 << 20

/** So that an interruption is heeded between two. */
function* piecesOf(bytes: Uint8Array): Generator<Uint8Array, void, void> {
  for (let at = 0; at < bytes.length; at += PIECE_SIZE) yield bytes.subarray(at, at + PIECE_SIZE)
}
