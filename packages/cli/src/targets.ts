/** What stands at a path of an image, for verbs that put something there. */

import { FsError } from '@caravan/core'
import type { LittleFS } from '@caravan/littlefs'
import type { EntryType } from './entries.js'
import { enginePath } from './paths.js'

/** @throws as `stat`, but for nothing being there: `undefined`. */
export async function typeAt(fs: LittleFS, path: Uint8Array): Promise<EntryType | undefined> {
  try {
    return (await fs.stat(enginePath(path))).type
  } catch (error) {
    if (error instanceof FsError && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined
    }
    throw error
  }
}
