/**
 * `create`: an image of a directory, or of one file.
 *
 * 1. What is done on the filesystem is what the original does, in its order: the image has the same
 *    entries in as many blocks.
 * 2. The image is made in memory. On a failure nothing is written, and what stood there stays.
 */

import { mkdir, readFile, stat } from 'node:fs/promises'
import { dirname, sep } from 'node:path'
import { checkInterrupted } from '@caravan/cli/host'
import { FsError } from '@caravan/core'
import { MemoryDevice } from '@caravan/device'
import { type FormatOptions, ReferenceFS } from '@caravan/littlefs'
import { resolveFrom, type Surroundings } from '../program.js'
import { usageError } from './argparse/parse.js'
import type { Call } from './call.js'
import { COMMAND_LINE } from './command-line.js'
import { checkBlockCount, describeConfiguration, engineOptions, tooLarge } from './configuration.js'
import { Failure } from './failure.js'
import { FilenameEncoding } from './filename-encoding.js'
import { replaceFile } from './replace-file.js'
import { type SourceEntry, sourceEntries } from './source-tree.js'

/** @returns the exit code. @throws Failure and others that `sentenceOf` puts into words. */
export async function create(call: Call, around: Surroundings, columns: number): Promise<number> {
  const { blockSize, blockCount, fsSize } = sizesOf(call)
  if (fsSize !== blockSize * blockCount) {
    const message = 'fs-size must be a multiple of block-size.'
    around.stderr.write(usageError(COMMAND_LINE, message, columns).stderr)
    return 2
  }
  const { stdout, cwd, signal } = around
  if (call.isVerbose) {
    const image = call.destination
    stdout.write(describeConfiguration(call, { imageSize: fsSize, blockCount, image }))
  }
  const entries = await sourceEntries(resolveFrom(cwd, call.source), signal)
  const options = engineOptions(call)
  const count = checkBlockCount(options.blockSize, blockCount)
  const encoding = FilenameEncoding.named(call.filenameEncoding)

  const tell = call.isVerbose ? (line: string) => stdout.write(line) : () => {}
  const making = { entries, encoding, options, blockCount: count, signal }
  let { fs, bytes } = await makeImage(making, tell)
  if (call.isCompact) {
    const { usedBlocks } = fs.dfSync()
    tell(`Compacting... ${usedBlocks} / ${count}\n`)
    ;({ fs, bytes } = await makeImage({ ...making, usedBlocks }, () => {}))
    fs.growSync(count)
    if (!call.isPadded) bytes = bytes.subarray(0, usedBlocks * options.blockSize)
  }
  checkInterrupted(signal)
  await writeImage(resolveFrom(cwd, call.destination), bytes, signal)
  return 0
}

/** @throws Failure where a block has no bytes to divide by. */
function sizesOf({ blockSize, blockCount, fsSize = 0n }: Call) {
  if (blockCount !== undefined) return { blockSize, blockCount, fsSize: blockSize * blockCount }
  if (blockSize === 0n) throw new Failure('USAGE', '--block-size is 0: give 128 or more.')
  return { blockSize, blockCount: fsSize / blockSize, fsSize }
}

interface Making {
  readonly entries: readonly SourceEntry[]
  readonly encoding: FilenameEncoding
  readonly options: FormatOptions & { readonly blockSize: number }
  readonly blockCount: number
  /** How many of them the filesystem is given. Default: all. */
  readonly usedBlocks?: number
  readonly signal: AbortSignal
}

/** @param tell is handed a line for each entry, before it is added. */
async function makeImage(
  { entries, encoding, options, blockCount, usedBlocks = blockCount, signal }: Making,
  tell: (line: string) => void,
): Promise<{ fs: ReferenceFS; bytes: Uint8Array }> {
  const { blockSize } = options
  const device = deviceOf(blockSize, blockCount)
  ReferenceFS.formatSync(device, { ...options, blockCount: usedBlocks })
  const fs = ReferenceFS.mountSync(device, options)
  for (const { host, names, isDirectory } of entries) {
    checkInterrupted(signal)
    tell(`Adding ${isDirectory ? 'Directory:' : 'File:     '} ${names.join(sep)}\n`)
    const path = encoding.encode(names.join('/'))
    try {
      if (isDirectory) fs.mkdirSync(path)
      else addFile(fs, path, await contentOf(host))
    } catch (error) {
      throw inWords(error, names.join('/'), usedBlocks, options)
    }
  }
  return { fs, bytes: device.bytes }
}

/** @throws Failure where this computer has not so much memory. */
function deviceOf(blockSize: number, blockCount: number): MemoryDevice {
  try {
    return new MemoryDevice({ blockSize, blockCount, readSize: blockSize, progSize: blockSize })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw tooLarge(BigInt(blockSize) * BigInt(blockCount))
  }
}

function addFile(fs: ReferenceFS, path: Uint8Array, content: Uint8Array): void {
  const file = fs.openSync(path, { write: true, create: true, truncate: true })
  file.writeSync(content)
  file.closeSync()
}

async function contentOf(host: Buffer): Promise<Uint8Array> {
  const stats = await stat(host)
  if (stats.isFile()) return await readFile(host)
  throw new Failure(
    'USAGE',
    `'${host.toString()}' is no file and no directory: a filesystem cannot hold it. Remove it.`,
  )
}

/** What the filesystem says of an entry, with what to do. */
function inWords(
  error: unknown,
  path: string,
  blockCount: number,
  { blockSize, nameMax, fileMax }: Making['options'],
): unknown {
  if (!(error instanceof FsError)) return error
  const written = 'Nothing was written.'
  switch (error.code) {
    case 'ENOSPC':
      return new Failure(
        'LFS_ERR_NOSPC',
        `it does not fit: no room is left for '${path}' in ${blockCount} blocks of ${blockSize} bytes. ${written} Leave something out, or give a larger --fs-size.`,
      )
    case 'ENAMETOOLONG':
      return new Failure(
        'LFS_ERR_NAMETOOLONG',
        `a name in '${path}' is longer than ${nameMax} bytes. ${written} Rename it, or give a larger --name-max.`,
      )
    case 'EFBIG':
      return new Failure(
        'LFS_ERR_FBIG',
        `'${path}' is larger than ${fileMax} bytes. ${written} Leave it out, or give a larger --file-max.`,
      )
    default:
      return error
  }
}

/** @throws HostError, Node's errors. */
async function writeImage(path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await replaceFile(path, [bytes], signal)
}
