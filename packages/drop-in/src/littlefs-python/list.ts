/** `list`: the paths of all that is in an image. */

import { readFile } from 'node:fs/promises'
import { MemoryDevice } from '@caravan/device'
import type { LittleFS } from '@caravan/littlefs'
import { resolveFrom, type Surroundings } from '../program.js'
import type { Call } from './call.js'
import { engineOptions } from './configuration.js'
import { FilenameEncoding } from './filename-encoding.js'
import { listedDirectories, mountImage } from './image.js'

/** @returns the exit code. @throws Failure and others that `sentenceOf` puts into words. */
export async function list(call: Call, around: Surroundings): Promise<number> {
  const encoding = FilenameEncoding.named(call.filenameEncoding)
  const fs = await mountFile(call, around)
  for await (const { directories, files } of listedDirectories(fs, encoding)) {
    for (const { path } of [...directories, ...files]) around.stdout.write(`${path}\n`)
  }
  return 0
}

/** The whole file, in memory: what is read does not change while it is. */
export async function mountFile(call: Call, around: Surroundings): Promise<LittleFS> {
  const bytes = await readFile(resolveFrom(around.cwd, call.source))
  const { blockSize } = engineOptions(call)
  const device = new MemoryDevice(bytes, { blockSize, readOnly: true })
  return await mountImage(call, device, bytes.length, around)
}
