/** `caravan extract`: everything in an image as files of this computer. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { type WalkedEntry, walkEntries } from '../entries.js'
import { checkInterrupted, HostError, UsageError } from '../errors.js'
import { type ExtractedImage, extractEntries } from '../extract.js'
import type { ImageOptions } from '../formats/format.js'
import { checkReplaceable, writeHostFile } from '../host-files.js'
import { encodeMetadata } from '../metadata-file.js'
import { harmlessName } from '../names.js'
import type { Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { formatCount, formatSize } from '../sizes.js'
import { writeTar } from '../tar-file.js'
import { ESCAPED, failOn, imageVerb, PATH_HELP, withHelp, withImage } from '../verb.js'
import { sourceDateEpoch } from './create.js'

interface ExtractOptions extends ImageOptions {
  readonly tar?: boolean
  readonly metadata?: string
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
Each file is there whole or not at all, also after Ctrl-C.

What files of this computer cannot hold, attributes, goes into the file of --metadata,
with all times; "caravan create --metadata" gives it back, by the paths in the image. A tar
archive has attributes in its pax headers, as bsdtar has extended attributes
(LIBARCHIVE.xattr.user.littlefs.0x74), and times; those that are not known are
SOURCE_DATE_EPOCH, or 1970. "caravan create - IMAGE" reads it.`

export function addExtract(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'extract', 'copy everything out')
    .description(
      'Copies a directory of the image, with all below it, into a directory of this computer, with modification times. Files that are already there are kept and reported, unless --force says otherwise.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .argument('<dir>', 'where to write; made where it is missing')
    .argument('[path]', 'directory or file in the image', '/')
    .option('--tar', 'write a tar archive instead: DIR is its file, or - for standard output')
    .option('--metadata <file>', 'write attributes and times into a file, as JSON')
    .option('-f, --force', 'replace files that are already there')
    .option('--escape-names', 'keep names that this computer cannot hold, in percent notation')
    .option('-q, --quiet', 'no progress, no summary')
    .option(...ESCAPED)
    .action((name: string, dir: string, path: string, options: ExtractOptions) => {
      const bytes = parsePath(path, options)
      return withImage(context, name, options, (image) =>
        options.tar === true
          ? extractTar(context, image, dir, bytes, options)
          : extract(context, image, dir, bytes, options),
      )
    })
  withHelp(
    command,
    [
      'caravan extract flash.img out              everything, into ./out',
      'caravan extract flash.img out /www         one directory: its content into ./out',
      'caravan extract --force flash.img out      replace what is there',
      'caravan extract --escape-names odd.img out',
      'caravan extract --metadata meta.json flash.img out    attributes too, for "caravan create"',
      'caravan extract --tar flash.img - | gzip > flash.tar.gz',
    ],
    `${SAFETY_HELP}\n${PATH_HELP}`,
  )
}

async function extract(
  context: Context,
  image: Image,
  dir: string,
  path: Uint8Array,
  options: ExtractOptions,
): Promise<void> {
  const { force = false, escapeNames = false, quiet = false, metadata } = options
  if (metadata !== undefined) await checkReplaceable(Buffer.from(metadata), force)
  const { files, directories, links, sizeBytes, leftOut } = await extractEntries(
    context,
    extractedOf(image),
    dir,
    path,
    { force, escapeNames, showProgress: !quiet },
  )
  if (metadata !== undefined) await writeMetadata(context, image, path, metadata, force)
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

async function writeMetadata(
  context: Context,
  image: Image,
  path: Uint8Array,
  file: string,
  force: boolean,
): Promise<void> {
  const text = encodeMetadata(await entriesBelow(context, image, path), path)
  await writeHostFile(Buffer.from(file), [Buffer.from(text)], { force, signal: context.signal })
}

async function extractTar(
  context: Context,
  image: Image,
  target: string,
  path: Uint8Array,
  { force = false, metadata, escapeNames }: ExtractOptions,
): Promise<void> {
  if (metadata !== undefined || escapeNames === true) {
    throw new UsageError(
      '--metadata and --escape-names are for files of this computer. A tar archive needs neither.',
    )
  }
  if (target === '-' && context.out.isTerminal) {
    throw new UsageError('Standard output is a terminal. Pass it on: ... | gzip > flash.tar.gz')
  }
  const { out, signal } = context
  const pieces = writeTar(image.tree, await entriesBelow(context, image, path), {
    timeDefault: new Date((sourceDateEpoch(context) ?? 0) * 1000),
    signal,
    onFailure: async (entry, error) => {
      if (error instanceof HostError) {
        context.report.fail([image.name, harmlessName(entry.path)], error)
      } else await failOn(context, image.name, error, entry.path)
    },
  })
  if (target !== '-') return writeHostFile(Buffer.from(target), pieces, { force, signal })
  for await (const piece of pieces) await out.put(piece)
}

async function entriesBelow(
  { signal }: Context,
  { tree }: Image,
  path: Uint8Array,
): Promise<WalkedEntry[]> {
  const entries: WalkedEntry[] = []
  for await (const entry of walkEntries(tree, path)) {
    checkInterrupted(signal)
    entries.push(entry)
  }
  return entries
}

function extractedOf({ name, tree, mounted }: Image): ExtractedImage {
  return { name, tree, refusesGitNames: mounted.refusesGitNames === true }
}
