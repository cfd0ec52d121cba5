/** What stands at a path of an image, for verbs that put something there. */

import { FsError } from '@caravan/core'
import type { EntryType, FileSystem } from '@caravan/fs'
import type { Context } from './context.js'
import { HostError } from './errors.js'
import { harmlessName } from './names.js'
import type { Image } from './open-image.js'
import { enginePath, parentOf, parsePath } from './paths.js'

/** @throws as `stat`, but for nothing being there: `undefined`. */
export async function typeAt(fs: FileSystem, path: Uint8Array): Promise<EntryType | undefined> {
  try {
    return (await fs.stat(enginePath(path))).type
  } catch (error) {
    if (error instanceof FsError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined
    }
    throw error
  }
}

/** Where something goes in an image. */
export interface Dest {
  readonly path: Uint8Array
  /** It was written as one, with a slash at its end. */
  readonly isDirectory: boolean
}

/** @throws UsageError for what is no path. */
export function parseDest(argument: string, options: { readonly escaped?: boolean }): Dest {
  return { path: parsePath(argument, options), isDirectory: /\/\.?$/.test(argument) }
}

/**
 * Whether sources go into DEST, a directory that is there, or a single one becomes it.
 *
 * @returns `undefined` where neither can be, which was reported.
 */
export async function enterDest(
  context: Context,
  { fs, name }: Image,
  sourceCount: number,
  { path, isDirectory }: Dest,
  recursive = false,
): Promise<boolean | undefined> {
  if ((await typeAt(fs, path)) === 'directory') return true
  const mayBecomeIt = sourceCount === 1 && (!isDirectory || recursive)
  const needed = mayBecomeIt ? parentOf(path) : path
  if ((await typeAt(fs, needed)) === 'directory') return false
  const reason = 'no such directory. Make it first: caravan mkdir -p IMAGE PATH'
  context.report.fail([name, harmlessName(needed)], new HostError('ENOTDIR', reason))
  return undefined
}
