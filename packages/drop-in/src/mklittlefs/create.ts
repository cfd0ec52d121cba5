/**
 * `-c`: an image of a directory.
 *
 * 1. The image is built in one go. Where it cannot hold the tree, the tree is packed again step by
 *    step, to tell as the original does at which file it is full.
 * 2. What fails, at any depth, is a failure: nothing is written then (image-file.ts).
 */

import type { Stats } from 'node:fs'
import { UsageError } from '@caravan/cli/host'
import {
  type BuildOptions,
  buildImage,
  DEVICE_PROFILES,
  LittleFS,
  planImage,
} from '@caravan/littlefs'
import { ImageDevice } from '../image-device.js'
import { nowSeconds, type Sink } from '../program.js'
import { geometryProblem } from './geometry.js'
import { writeImageFile } from './image-file.js'
import { Packing } from './packing.js'
import { PlannedTree } from './planned-tree.js'
import { EXIT, type Session, SPACE_LEVEL } from './session.js'
import { spaceReport } from './space-report.js'
import { SteppedTree } from './stepped-tree.js'
import type { TargetTree } from './target-tree.js'

type SizedOptions = BuildOptions & { readonly blockSize: number; readonly blockCount: number }

/** Whether a file of the directory is the image that is being made. */
type IsImage = (stats: Stats) => boolean

const ROOT = Buffer.from('/')

/** Names a device of `caravan create --profile`. */
const PROFILE_VARIABLE = 'CARAVAN_PROFILE'

export async function create(session: Session): Promise<number> {
  const { stderr, arguments: given } = session
  if (given.size === 0) {
    stderr.write("error: image size not specified, can't create filesystem\n")
    return EXIT.failed
  }
  const problem = geometryProblem(given)
  if (problem !== undefined) {
    stderr.write(`error: ${problem}\n`)
    return EXIT.failed
  }
  const isWritten = await writeImageFile(session, given.image, (isImage) => build(session, isImage))
  return isWritten ? EXIT.done : EXIT.failed
}

/** The bytes of the image; `undefined` where there is to be none, which is told by then. */
async function build(session: Session, isImage: IsImage): Promise<Uint8Array | undefined> {
  const options = optionsOf(session)
  const seconds = nowSeconds(session)
  const { blockSize, blockCount } = options
  const { size, debug } = session.arguments
  if (size % blockSize !== 0) {
    session.stderr.write(
      `warning: ${size} bytes (-s) are no whole number of blocks of ${blockSize}: the image has ${blockCount} blocks, ${blockCount * blockSize} bytes\n`,
    )
  }
  const said = new HeldOutput()
  const planned = new PlannedTree(blockSize * blockCount)
  const isWhole = await pack(planned, { ...session, ...said.sinks }, isImage)
  planned.setTime(ROOT, seconds)
  const plan = planned.isOverfull ? undefined : await planImage(planned.entries(), options)
  if (plan?.fits !== true) {
    const lacking = plan === undefined ? planned.sizeBytes : plan.blocksNeeded * blockSize
    return buildStepByStep(session, isImage, { options, seconds, lacking })
  }
  said.pass(session)
  const bytes = await buildImage(planned.entries(), { ...options, packing: plan.packing })
  if (debug > SPACE_LEVEL) {
    const fs = LittleFS.mountSync(new ImageDevice(bytes, blockSize))
    session.stdout.write(spaceReport(fs.dfSync(), planned.directoryCount))
  }
  if (isWhole) return bytes
  session.stderr.write('error: the image was not written\n')
  return undefined
}

function optionsOf(session: Session): SizedOptions {
  const { size, block, read, memory, erase } = session.arguments
  return {
    ...deviceLimits(session),
    blockSize: block,
    blockCount: Math.floor(size / block),
    progSize: read,
    cacheSize: memory,
    blockCycles: Math.max(erase, -1),
  }
}

/**
 * What a device accepts, where the environment names one: the original is built anew for each.
 *
 * @throws UsageError for a device that is not known, or takes no littlefs 2.
 */
function deviceLimits({ env }: Session): BuildOptions {
  const name = env[PROFILE_VARIABLE]
  if (name === undefined || name === '') return {}
  const profile = DEVICE_PROFILES.find((each) => each.name === name)
  if (profile === undefined || profile.diskVersion === '1') {
    const names = DEVICE_PROFILES.filter(({ diskVersion }) => diskVersion !== '1')
    throw new UsageError(
      `${PROFILE_VARIABLE} is '${name}', and must be one of ${names.map((each) => each.name).join(', ')}. Correct it, or unset it.`,
    )
  }
  const { diskVersion, nameMax, fileMax, attrMax } = profile
  return { diskVersion, nameMax, fileMax, attrMax }
}

/** @returns whether all of it was packed. */
async function pack(tree: TargetTree, session: Session, isImage: IsImage): Promise<boolean> {
  const { arguments: given } = session
  const packing = new Packing(tree, {
    ...session,
    ...given,
    limitBytes: given.size,
    isImage,
  })
  const directory = Buffer.from(given.directory)
  if (given.fromFile === '') await packing.addDirectory(directory)
  else await packing.addListed(directory, Buffer.from(given.fromFile))
  return !packing.hasFailed
}

interface Steps {
  readonly options: SizedOptions
  readonly seconds: number
  /** Bytes that are needed, in whole blocks or without what they are stored with. */
  readonly lacking: number
}

async function buildStepByStep(
  session: Session,
  isImage: IsImage,
  { options, seconds, lacking }: Steps,
): Promise<Uint8Array | undefined> {
  const { stdout, stderr, arguments: given } = session
  const tree = new SteppedTree(options)
  const isWhole = await pack(tree, session, isImage)
  tree.setTime(ROOT, seconds)
  if (given.debug > SPACE_LEVEL) stdout.write(spaceReport(tree.fs.dfSync(), tree.directoryCount))
  if (isWhole) return tree.device.bytes
  const has = options.blockCount * options.blockSize
  stderr.write(
    `error: the image was not written: the tree takes at least ${lacking} bytes, and it has ${has}\n`,
  )
  return undefined
}

/** What is said while it is not known yet whether it is to be said. */
class HeldOutput {
  private readonly said: ['stdout' | 'stderr', string | Uint8Array][] = []

  readonly sinks: Readonly<Record<'stdout' | 'stderr', Sink>> = {
    stdout: { write: (piece) => void this.said.push(['stdout', piece]) },
    stderr: { write: (piece) => void this.said.push(['stderr', piece]) },
  }

  pass(to: Readonly<Record<'stdout' | 'stderr', Sink>>): void {
    for (const [name, piece] of this.said) to[name].write(piece)
  }
}
