/** `caravan extract`: everything in an image as files of this computer. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { type ExtractedImage, extractEntries } from '../extract.js'
import type { ImageOptions } from '../formats/format.js'
import type { Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { formatCount, formatSize } from '../sizes.js'
import { ESCAPED, imageVerb, PATH_HELP, withHelp, withImage } from '../verb.js'

interface ExtractOptions extends ImageOptions {
  readonly force?: boolean
  readonly escapeNames?: boolean
  readonly quiet?: boolean
  readonly escaped?: boolean
}

const SAFETY_HELP = `
Nothing is written outside DIR, whatever the names in the image are, and through
no link, whether it is already there or comes from the image. A name that this computer cannot hold ('..', 'a/b',
on Windows 'NUL' and more) is reported and left out, and the exit code is 1; with
--escape-names it is kept in percent notation ('%4EUL'), and so are all percent
signs ('%25').
Links and permissions are restored where the format holds them; a link leads where
the image says, so look before you follow one out of an image that you do not trust.
Names that mean '.git' are left out of the images of git trees.
Each file is there whole or not at all, also after Ctrl-C.`

export function addExtract(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'extract', 'copy everything out')
    .description(
      'Copies a directory of the image, with all below it, into a directory of this computer, with modification times. Files that are already there are kept and reported, unless --force says otherwise.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .argument('<dir>', 'where to write; made where it is missing')
    .argument('[path]', 'directory or file in the image', '/')
    .option('-f, --force', 'replace files that are already there')
    .option('--escape-names', 'keep names that this computer cannot hold, in percent notation')
    .option('-q, --quiet', 'no progress, no summary')
    .option(...ESCAPED)
    .action((name: string, dir: string, path: string, options: ExtractOptions) => {
      const bytes = parsePath(path, options)
      return withImage(context, name, options, (image) =>
        extract(context, image, dir, bytes, options),
      )
    })
  withHelp(
    command,
    [
      'caravan extract flash.img out              everything, into ./out',
      'caravan extract flash.img out /www         one directory: its content into ./out',
      'caravan extract --force flash.img out      replace what is there',
      'caravan extract --escape-names odd.img out',
    ],
    `${SAFETY_HELP}\n${PATH_HELP}`,
  )
}

async function extract(
  context: Context,
  image: Image,
  dir: string,
  path: Uint8Array,
  { force = false, escapeNames = false, quiet = false }: ExtractOptions,
): Promise<void> {
  const options = { force, escapeNames, showProgress: !quiet }
  const { files, directories, links, sizeBytes, leftOut } = await extractEntries(
    context,
    extractedOf(image),
    dir,
    path,
    options,
  )
  if (quiet) return
  const counts = [
    formatCount(files, 'file'),
    ...(links === 0 ? [] : [formatCount(links, 'link')]),
    formatCount(directories, 'directory'),
  ]
  await context.out.line(`${counts.join(' and ')}, ${formatSize(sizeBytes)}, in ${dir}`)
  await context.out.flush()
  if (leftOut > 0) context.report.tell(`${formatCount(leftOut, 'entry')} left out.`)
}

function extractedOf({ name, tree, mounted }: Image): ExtractedImage {
  return { name, tree, refusesGitNames: mounted.refusesGitNames === true }
}
