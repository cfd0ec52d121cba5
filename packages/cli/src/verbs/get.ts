/** `caravan get`: one file of an image as a file of this computer. */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import { lookUp } from '../entries.js'
import { HostError, isErrno } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { writeHostFile } from '../host-files.js'
import { hostNameProblem } from '../host-names.js'
import { harmlessName } from '../names.js'
import type { Image } from '../open-image.js'
import { baseName, parsePath } from '../paths.js'
import { ESCAPED, imageVerb, PATH_HELP, withHelp, withImage } from '../verb.js'

interface GetOptions extends ImageOptions {
  readonly force?: boolean
  readonly escaped?: boolean
}

export function addGet(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'get', 'copy one file out')
    .description(
      'Copies a file out of the image, with its modification time. The copy is there whole or not at all.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .argument('<path>', 'file in it')
    .argument('[dest]', 'file or directory to write, or - for standard output (default: its name)')
    .option('-f, --force', 'replace a file that is already there')
    .option(...ESCAPED)
    .action((name: string, path: string, dest: string | undefined, options: GetOptions) => {
      const bytes = parsePath(path, options)
      return withImage(context, name, options, (image) => get(context, image, bytes, dest, options))
    })
  withHelp(
    command,
    [
      'caravan get flash.img /config.json            ./config.json',
      'caravan get flash.img /config.json backup/    into a directory',
      'caravan get flash.img /config.json old.json   under another name',
      'caravan get flash.img /config.json - | jq .   to standard output',
    ],
    PATH_HELP,
  )
}

async function get(
  { out, report, signal }: Context,
  { tree }: Image,
  path: Uint8Array,
  dest: string | undefined,
  { force = false }: GetOptions,
): Promise<void> {
  const pieces = tree.readPath(path)
  if (dest === '-') {
    for await (const piece of pieces) await out.put(piece)
    return
  }
  const { modified } = await lookUp(tree, path)
  const target = await targetOf(path, dest)
  try {
    await writeHostFile(target, pieces, { force, modified, signal })
  } catch (error) {
    if (!(error instanceof HostError) && !isErrno(error)) throw error
    report.fail([target.toString()], error)
  }
}

/** @throws HostError where the file's own name would be used and this computer cannot hold it. */
async function targetOf(path: Uint8Array, dest: string | undefined): Promise<Buffer> {
  if (dest !== undefined && !(await isDirectory(dest))) return Buffer.from(dest)
  const name = baseName(path)
  const problem = hostNameProblem(name)
  if (problem !== undefined) {
    throw new HostError(
      'EINVAL',
      `${harmlessName(path)}: ${problem}. Say under which name to write it: caravan get IMAGE PATH DEST`,
    )
  }
  return Buffer.concat([Buffer.from(dest === undefined ? '' : join(dest, '/')), name])
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}
