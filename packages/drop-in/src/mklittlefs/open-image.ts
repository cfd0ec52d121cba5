/** An image as `-l` and `-u` open it: read whole, its block size found, mounted without writing. */

import { readFile } from 'node:fs/promises'
import { isErrno } from '@caravan/cli/host'
import { FormatError } from '@caravan/core'
import { LittleFS } from '@caravan/littlefs'
import { ImageDevice } from '../image-device.js'
import { resolveFrom } from '../program.js'
import { C_LIMITS, detectBlockSize, mountFailure, mountRemarks } from './c-library.js'
import { cacheProblem, geometryProblem } from './geometry.js'
import type { Session } from './session.js'

/** @returns the mounted image; `undefined` where that failed, which is told by then. */
export async function openImage(session: Session): Promise<LittleFS | undefined> {
  const { stdout, stderr, cwd, arguments: given } = session
  const image = await readImage(session, resolveFrom(cwd, given.image))
  if (image === undefined) return undefined

  let blockSize = given.block
  const detected = given.isBlockGiven ? undefined : detectBlockSize(image)
  if (detected !== undefined) {
    if (given.debug > 0) stdout.write(`detected block size: ${detected}\n`)
    blockSize = detected
  } else if (!given.isBlockGiven) {
    stderr.write(`warning: could not detect block size from image, using ${blockSize}\n`)
  }
  // A size that the image says itself it may have, were it no multiple of the caches of this tool.
  const problem = detected === undefined ? geometryProblem(given) : cacheProblem(given)
  if (problem !== undefined) {
    stderr.write(`error: ${problem}\n`)
    return undefined
  }
  try {
    const options = { ...C_LIMITS, blockSize, readOnly: true }
    const fs = await LittleFS.mount(new ImageDevice(image, blockSize), options)
    stdout.write(mountRemarks(fs.info()))
    return fs
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    // A mount that found out why adds it to what the C library sees.
    const seen = error.cause instanceof FormatError ? error.cause : error
    const { line, errorNumber } = mountFailure(seen, image, blockSize)
    stdout.write(line)
    stderr.write(`error: could not mount filesystem (${errorNumber})\n`)
    return undefined
  }
}

async function readImage(
  { stderr, arguments: { size } }: Session,
  path: string,
): Promise<Buffer | undefined> {
  let bytes: Buffer
  try {
    bytes = await readFile(path)
  } catch (error) {
    if (!isErrno(error)) throw error
    const isThere = error.code === 'EISDIR'
    stderr.write(`error: ${isThere ? "couldn't read" : 'failed to open'} image file\n`)
    return undefined
  }
  if (size === 0) return bytes
  if (size < 0 || Math.floor(size / 4) > Math.floor(bytes.length / 4)) {
    stderr.write("error: couldn't read image file\n")
    return undefined
  }
  return bytes.subarray(0, size)
}
