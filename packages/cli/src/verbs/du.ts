/** `caravan du`: what files and directories take. */

import type { Command } from 'commander'
import { asCount } from '../arguments.js'
import type { Context } from '../context.js'
import { pathJson, showName, type WalkedEntry, walkEntries } from '../entries.js'
import { checkInterrupted } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { decodeLenient } from '../names.js'
import type { Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { formatSize } from '../sizes.js'
import { ESCAPED, failOn, imageVerb, JSON_OPTION, PATH_HELP, withHelp, withImage } from '../verb.js'

interface DuOptions extends ImageOptions {
  readonly all?: boolean
  readonly depth?: number
  readonly human?: boolean
  readonly json?: boolean
  readonly escaped?: boolean
}

const DU_HELP = `
"taken" are the bytes of the blocks that an entry and all below it have, "content" those
that its files hold. A small file stands in the blocks of its directory and takes none of
its own. What belongs to no entry (superblocks, what a power cut left) counts with the
root, so that its figure is that of "caravan df". Formats without blocks show contents
alone.`

export function addDu(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'du', 'show what takes the space')
    .description('Shows the space that directories take, each with all below it.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('[path]', 'where to begin', '/')
    .option('-a, --all', 'files too')
    .option('-d, --depth <count>', 'so many levels; 0: only the sum', asCount)
    .option('--human', 'sizes as 1.5 KiB')
    .option(...JSON_OPTION)
    .option(...ESCAPED)
    .action((name: string, path: string, options: DuOptions) => {
      const bytes = parsePath(path, options)
      return withImage(context, name, options, (image) => du(context, image, bytes, options))
    })
  withHelp(
    command,
    [
      'caravan du flash.img',
      'caravan du --all flash.img | sort -n   the largest last',
      'caravan du --depth 0 flash.img /www    one sum',
    ],
    `${DU_HELP}\n${PATH_HELP}`,
  )
}

/** An entry with all that is below it. */
interface Use {
  readonly entry: WalkedEntry
  /** Bytes; `undefined` where the format has no blocks of its own. */
  taken: number | undefined
  content: number
}

async function du(
  context: Context,
  image: Image,
  path: Uint8Array,
  { all = false, depth = Number.POSITIVE_INFINITY, human = false, ...show }: DuOptions,
): Promise<void> {
  const { json = false, escaped = false } = show
  const { out } = context
  const uses = await usesBelow(context, image, path)
  const shown = uses.filter(
    ({ entry }) => entry.depth <= depth && (all || entry.type === 'directory' || entry.depth === 0),
  )
  if (json) await out.line(JSON.stringify(shown.map(useJson), undefined, 2))
  else {
    const inWords = (bytes: number) => (human ? formatSize(bytes) : String(bytes))
    const cells = shown.map(({ taken, content, entry }) => ({
      sizes: [...(taken === undefined ? [] : [inWords(taken)]), inWords(content)],
      name: showName(entry.path, out, escaped),
      slash: entry.type === 'directory' && entry.path.length > 1 ? '/' : '',
    }))
    const titles = shown[0]?.taken === undefined ? ['content'] : ['taken', 'content']
    const widths = titles.map((title, column) =>
      Math.max(title.length, ...cells.map(({ sizes }) => sizes[column]?.length ?? 0)),
    )
    const row = (sizes: readonly string[]) =>
      sizes.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ')
    await out.line(`${row(titles)}  path`)
    for (const { sizes, name, slash } of cells) {
      await out.line(Buffer.concat([Buffer.from(`${row(sizes)}  `), name, Buffer.from(slash)]))
    }
  }
  for (const { entry } of uses) {
    if (entry.error !== undefined) await failOn(context, image.name, entry.error, entry.path)
  }
}

/** What is below a directory before the directory, as du has it. */
async function usesBelow(
  { signal }: Context,
  { tree, mounted }: Image,
  path: Uint8Array,
): Promise<Use[]> {
  const blocks = await blocksByPath(mounted)
  const done: Use[] = []
  const above: Use[] = []
  const leave = (depth: number) => {
    while (above.length > depth) {
      const use = above.pop() as Use
      const parent = above[above.length - 1]
      if (parent !== undefined) {
        parent.content += use.content
        if (parent.taken !== undefined) parent.taken += use.taken ?? 0
      }
      done.push(use)
    }
  }
  for await (const entry of walkEntries(tree, path)) {
    checkInterrupted(signal)
    leave(entry.depth)
    const content = entry.type === 'file' ? entry.size : 0
    above.push({ entry, taken: blocks?.takenBy(entry.path), content })
  }
  leave(0)
  return done
}

/** The blocks of each entry, told once each. */
async function blocksByPath({
  blockMap,
  blockSize,
}: Image['mounted']): Promise<{ takenBy(path: Uint8Array): number } | undefined> {
  if (blockMap === undefined) return undefined
  const counts = new Map<string, number>()
  for (const { path = '/' } of await blockMap.uses()) {
    counts.set(path, (counts.get(path) ?? 0) + 1)
  }
  return {
    takenBy(path) {
      const text = decodeLenient(path)
      const count = counts.get(text) ?? 0
      // Two names that are no text may read alike: their blocks count once.
      counts.delete(text)
      return count * blockSize
    },
  }
}

function useJson({ entry, taken, content }: Use) {
  const { path, type } = entry
  return { ...pathJson(path), type, ...(taken === undefined ? {} : { taken }), content }
}
