/**
 * The file that an image goes into.
 *
 * 1. It is there whole, or what was there stays: it grows under a temporary name, which is opened
 *    before anything is read, and takes its own when it is complete.
 * 2. What may not be written to is not replaced. A link is followed; a device or a pipe is written to.
 */

import { constants, type Stats } from 'node:fs'
import { access, open, realpath, stat } from 'node:fs/promises'
import { isErrno, makeHostFile } from '@caravan/cli/host'
import { resolveFrom } from '../program.js'
import type { Session } from './session.js'

/**
 * @param make the bytes; `undefined` for no image. It is handed what tells the image from other files.
 * @returns whether the image is there. That it cannot be is told.
 */
export async function writeImageFile(
  session: Session,
  name: string,
  make: (isImage: (stats: Stats) => boolean) => Promise<Uint8Array | undefined>,
): Promise<boolean> {
  const { stderr, cwd, signal } = session
  const target = await lookAtTarget(resolveFrom(cwd, name))
  if (target === undefined) {
    stderr.write('error: failed to open image file\n')
    return false
  }
  const { path, stats: before } = target
  if (before !== undefined && !before.isFile()) {
    const bytes = await make(() => false)
    if (bytes !== undefined) await writeInto(path, bytes)
    return bytes !== undefined
  }
  let isOpen = false
  try {
    await makeHostFile(Buffer.from(path), { force: true, signal }, async (file) => {
      isOpen = true
      const own = [await file.stat(), before]
      const bytes = await make((stats) => own.some((each) => isSame(each, stats)))
      if (bytes === undefined) throw new NoImage()
      await file.writeFile(bytes)
    })
    return true
  } catch (error) {
    if (error instanceof NoImage) return false
    if (isOpen || !isErrno(error)) throw error
    stderr.write('error: failed to open image file\n')
    return false
  }
}

/** Carries out of the making that there is to be no image. */
class NoImage {}

/** What the image is to replace; `undefined` where it cannot be written. */
async function lookAtTarget(
  path: string,
): Promise<{ readonly path: string; readonly stats: Stats | undefined } | undefined> {
  if (path === '') return undefined
  try {
    const real = await realpath(path)
    await access(real, constants.W_OK)
    const stats = await stat(real)
    return stats.isDirectory() ? undefined : { path: real, stats }
  } catch (error) {
    if (!isErrno(error)) throw error
    return error.code === 'ENOENT' ? { path, stats: undefined } : undefined
  }
}

async function writeInto(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'w')
  try {
    await file.writeFile(bytes)
  } finally {
    await file.close()
  }
}

function isSame(a: Stats | undefined, b: Stats): boolean {
  return a !== undefined && a.dev === b.dev && a.ino === b.ino
}
