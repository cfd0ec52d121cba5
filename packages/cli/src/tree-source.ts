/** What an image is made of: a directory of this computer, or a tar archive on standard input. */

import type { Context } from './context.js'
import { type HostTree, type HostTreeOptions, scanDirectory } from './host-tree.js'
import { readMetadata, withMetadata } from './metadata-file.js'
import { decodeLenient } from './names.js'
import { readAll } from './open-image.js'
import { formatCount } from './sizes.js'
import { readTar } from './tar-file.js'

/**
 * The entries of a source, with what a file of `extract --metadata` knows of them.
 *
 * @param source a directory, or `-`.
 * @throws HostError; Node's errors; Interrupted.
 */
export async function readSource(
  context: Context,
  source: string,
  metadata: string | undefined,
  options: HostTreeOptions,
): Promise<HostTree> {
  const tree =
    source === '-'
      ? await readTar(await readAll(context), options)
      : await scanDirectory(Buffer.from(source), ROOT, options)
  return metadata === undefined ? tree : addMetadata(context, source, tree, metadata, options)
}

const ROOT = Uint8Array.of(0x2f)

/** The first of those that are told. */
const UNKNOWN_SHOWN = 3

/** Gives entries what a file of `extract --metadata` knows of them, and tells which paths are missing. */
export async function addMetadata(
  { report }: Context,
  source: string,
  { entries: found, problems }: HostTree,
  file: string,
  { format }: Pick<HostTreeOptions, 'format'>,
): Promise<HostTree> {
  const host = Buffer.from(source)
  const top = { path: ROOT, type: 'directory', size: 0, host } as const
  const { entries, unknown } = withMetadata(found, await readMetadata(file), format.holds, top)
  if (unknown.length > 0) {
    const shown = unknown
      .slice(0, UNKNOWN_SHOWN)
      .map((key) => decodeLenient(Buffer.from(key, 'latin1')))
    const more = unknown.length > UNKNOWN_SHOWN ? ', ...' : ''
    const paths = formatCount(unknown.length, 'path')
    report.tell(`${file}: ${paths} of it not in ${source}: ${shown.join(', ')}${more}`)
  }
  return { entries, problems }
}
