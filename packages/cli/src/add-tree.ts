/** Many entries into an image at once, and in words what kept them out. */

import { FsError } from '@caravan/core'
import type { Context } from './context.js'
import { checkInterrupted, HostError } from './errors.js'
import type { NewEntry } from './formats/format.js'
import { encodeUtf8, harmlessName } from './names.js'
import type { Image } from './open-image.js'
import { formatCount } from './sizes.js'
import { lacks } from './verb.js'

/**
 * Adds them all, or none where they do not fit.
 *
 * @throws HostError that says that nothing was changed; what reading them throws; Interrupted.
 */
export async function addTree(
  context: Context,
  image: Image,
  entries: readonly NewEntry[],
): Promise<void> {
  const { mounted } = image
  if (mounted.addTree === undefined) lacks(image, 'takes no files')
  try {
    await mounted.addTree(untilInterrupted(context, entries))
  } catch (error) {
    throw await inWords(error, image, entries)
  }
}

function* untilInterrupted({ signal }: Context, entries: readonly NewEntry[]) {
  for (const entry of entries) {
    checkInterrupted(signal)
    yield entry
  }
}

/** Nothing was changed: said, since a part might have been. */
async function inWords(
  error: unknown,
  image: Image,
  entries: readonly NewEntry[],
): Promise<unknown> {
  if (!(error instanceof FsError)) return error
  const path = error.path === undefined ? '' : `${harmlessName(encodeUtf8(error.path))}: `
  switch (error.code) {
    case 'ENOSPC': {
      const space = await spaceInWords(image, entries)
      const grow = image.mounted.grow === undefined ? '' : ', or use `caravan grow`'
      return unchanged(error, `no space left: ${space}. Remove something${grow}.`)
    }
    case 'EISDIR':
      return unchanged(error, `${path}a directory in the image has this name. Remove it first.`)
    case 'ENOTDIR':
      return unchanged(error, `${path}a file in the image is where a directory is needed.`)
    default:
      return error
  }
}

async function spaceInWords({ mounted }: Image, entries: readonly NewEntry[]): Promise<string> {
  const { blockSize, freeBlocks } = await mounted.space()
  // Smaller files may stand in the metadata.
  const sizes = entries.map(({ size }) => size).filter((size) => size > blockSize / 8)
  const blocks = sizes.reduce((sum, size) => sum + Math.ceil(size / blockSize), 0)
  return `the files take at least ${formatCount(blocks, 'block')} of ${blockSize} bytes, and ${freeBlocks} are free`
}

function unchanged({ code }: FsError, reason: string): HostError {
  return new HostError(code, `${reason} Nothing was changed.`)
}
