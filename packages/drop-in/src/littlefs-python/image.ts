/** An image that is read: mounted as the options say, and its directories in the original's order. */

import { type BlockDevice, CaravanError, FormatError } from '@caravan/core'
import { type FilesystemInfo, LittleFS, type MountOptions, type WalkEntry } from '@caravan/littlefs'
import { type Folder, readImageTree } from '../image-tree.js'
import type { Surroundings } from '../program.js'
import type { Call } from './call.js'
import { describeConfiguration, engineOptions, NAME_MAX_MAX } from './configuration.js'
import { Failure, lfsError } from './failure.js'
import type { FilenameEncoding } from './filename-encoding.js'

/**
 * Mounts, and tells how with `-v`.
 *
 * @param inputSize bytes of the file: fewer than the filesystem has where it was made compact.
 * @throws Failure and what `LittleFS.mount` throws.
 */
export async function mountImage(
  call: Call,
  device: BlockDevice,
  inputSize: number,
  { stdout }: Surroundings,
): Promise<LittleFS> {
  const fs = await mountAsGiven(call, device)
  if (call.isVerbose) {
    const { blockSize, blockCount } = fs.info()
    const imageSize = BigInt(blockSize) * BigInt(blockCount)
    const isOther = BigInt(inputSize) !== imageSize
    stdout.write(
      describeConfiguration(call, {
        imageSize,
        ...(isOther ? { inputSize: BigInt(inputSize) } : {}),
        blockCount: BigInt(blockCount),
        image: call.source,
      }),
    )
  }
  return fs
}

/** @throws Failure that names the option to give; what `LittleFS.mount` throws. */
export async function mountAsGiven(call: Call, device: BlockDevice): Promise<LittleFS> {
  const { inlineMax, ...options } = engineOptions(call)
  const found = await widelyMounted(device, options.blockSize)
  checkLimit('--name-max', found.nameMax, options.nameMax)
  checkLimit('--attr-max', found.attrMax, options.attrMax)
  checkLimit('--file-max', found.fileMax, options.fileMax)
  const inline = inlineMax === undefined ? {} : { inlineMax: Math.min(inlineMax, found.attrMax) }
  return await LittleFS.mount(device, { ...options, ...inline, times: 'none' })
}

/** What the superblock says, whatever its limits. @throws as {@link mountAsGiven}. */
async function widelyMounted(device: BlockDevice, blockSize: number): Promise<FilesystemInfo> {
  const wide = { nameMax: NAME_MAX_MAX, readOnly: true }
  try {
    return (await LittleFS.mount(device, { ...wide, blockSize })).info()
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    const code = lfsError(error) ?? error.code
    const found = await findBlockSize(device, wide)
    if (found !== undefined && found !== blockSize) {
      throw new Failure(
        code,
        `the image has blocks of ${found} bytes, and --block-size is ${blockSize}. Give ${found}.`,
      )
    }
    if (!NO_IMAGE.includes(error.code) || (error.block ?? 0) > 1) throw error
    throw new Failure(
      code,
      `no littlefs with blocks of ${blockSize} bytes is at the beginning of the image: it is none, it is damaged, or it begins further inside.`,
    )
  }
}

/** Of a superblock: nothing that can be read, or none at all. */
const NO_IMAGE = ['NOT_LITTLEFS', 'CORRUPT_PAIR', 'BAD_POINTER']

async function findBlockSize(
  device: BlockDevice,
  options: MountOptions,
): Promise<number | undefined> {
  try {
    return (await LittleFS.mount(device, options)).info().blockSize
  } catch (error) {
    // Whatever else is wrong, it has been told of once.
    if (error instanceof CaravanError) return undefined
    throw error
  }
}

/** The C library mounts nothing that allows more than it was told to. */
function checkLimit(option: string, found: number, given: number | undefined): void {
  if (given === undefined || found <= given) return
  throw new Failure(
    'LFS_ERR_INVAL',
    `the image was made with ${option} ${found}, and ${option} is ${given} here. Give ${found}.`,
  )
}

/** An entry, and its name in the encoding of the image. */
export interface NamedEntry {
  /** As it is shown: `/docs/readme.md`. */
  readonly path: string
  readonly name: string
  readonly entry: WalkEntry
  /** What is in it, where it is a directory. */
  readonly folder: Folder | undefined
}

/** What is in one directory. */
interface ListedDirectory {
  readonly directories: readonly NamedEntry[]
  readonly files: readonly NamedEntry[]
}

/**
 * The directories of an image, one after the other: each before those that are in it.
 *
 * @throws Failure for a name that is no text in the encoding; CaravanError for a directory that cannot
 *   be listed: both once the walk gets there.
 */
export async function* listedDirectories(
  fs: LittleFS,
  encoding: FilenameEncoding,
): AsyncGenerator<ListedDirectory, void, void> {
  yield* directoriesIn(await readImageTree(fs), '/', encoding)
}

function* directoriesIn(
  folder: Folder,
  path: string,
  encoding: FilenameEncoding,
): Generator<ListedDirectory, void, void> {
  const named = namedIn(folder, path, encoding)
  const directories = named.filter((each) => each.folder !== undefined)
  yield { directories, files: named.filter((each) => each.folder === undefined) }
  for (const each of directories) {
    yield* directoriesIn(each.folder as Folder, `${each.path}/`, encoding)
  }
}

/** @throws as {@link listedDirectories}. */
export function namedIn(folder: Folder, path: string, encoding: FilenameEncoding): NamedEntry[] {
  if (folder.entry.error !== undefined) throw folder.entry.error
  const named = folder.children.map(({ name: bytes, entry, folder: own }) => {
    const name = encoding.decode(bytes)
    return { path: path + name, name, entry, folder: own }
  })
  // The C library has a `.` and a `..` in every directory: what else is called so is not seen.
  return named.filter(({ name }) => name !== '.' && name !== '..')
}
