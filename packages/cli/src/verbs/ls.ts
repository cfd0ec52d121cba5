/** `caravan ls`: what a directory holds. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { type Entry, entryJson, leadsTo, listEntries, showName, walkEntries } from '../entries.js'
import type { EntryType, ImageOptions, ImageTree } from '../formats/format.js'
import { formatTime } from '../modification-time.js'
import type { Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { ESCAPED, failOn, imageVerb, JSON_OPTION, PATH_HELP, withHelp, withImage } from '../verb.js'

interface LsOptions extends ImageOptions {
  readonly long?: boolean
  readonly recursive?: boolean
  readonly json?: boolean
  readonly escaped?: boolean
}

export function addLs(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'ls', 'list a directory')
    .description(
      'Lists a directory, one name a line, directories with a slash behind them. A file is listed itself.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .argument('[path]', 'directory or file in it', '/')
    .option('-l, --long', 'with type, size in bytes and modification time (UTC)')
    .option('-R, --recursive', 'everything below, each with its whole path')
    .option(...JSON_OPTION)
    .option(...ESCAPED)
    .action((name: string, path: string, options: LsOptions) => {
      const bytes = parsePath(path, options)
      return withImage(context, name, options, (image) => ls(context, image, bytes, options))
    })
  withHelp(
    command,
    [
      'caravan ls flash.img              the root',
      'caravan ls -l flash.img /www      one directory, in detail',
      'caravan ls -lR flash.img          everything',
      'caravan ls --json flash.img       for a program',
      'gunzip -c flash.img.gz | caravan ls -',
    ],
    PATH_HELP,
  )
}

async function ls(
  context: Context,
  { tree, name: imageName }: Image,
  path: Uint8Array,
  { long = false, recursive = false, json = false, escaped = false }: LsOptions,
): Promise<void> {
  const { out } = context
  const entries = recursive ? await entriesBelow(tree, path) : await listEntries(tree, path)
  if (json) await out.line(JSON.stringify(entries.map(entryJson), undefined, 2))
  else {
    const columns = long ? entries.map(details) : []
    const typeWidth = Math.max(1, ...columns.map(({ type }) => type.length))
    const sizeWidth = Math.max(1, ...columns.map(({ size }) => size.length))
    const timeWidth = Math.max(0, ...columns.map(({ time }) => time.length))
    for (const [index, entry] of entries.entries()) {
      const column = columns[index]
      if (column !== undefined) {
        const time = timeWidth === 0 ? '' : `  ${column.time.padEnd(timeWidth)}`
        await out.put(
          `${column.type.padEnd(typeWidth)}  ${column.size.padStart(sizeWidth)}${time}  `,
        )
      }
      await out.put(shownEntry(entry, recursive, escaped, context))
      await out.line(long ? leadsTo(entry, out, escaped) : '')
    }
  }
  for (const { path: entryPath, error } of entries) {
    if (error !== undefined) await failOn(context, imageName, error, entryPath)
  }
}

async function entriesBelow(tree: ImageTree, path: Uint8Array): Promise<Entry[]> {
  const entries: Entry[] = []
  for await (const entry of walkEntries(tree, path)) entries.push(entry)
  return entries
}

function shownEntry(
  entry: Entry,
  wholePath: boolean,
  escaped: boolean,
  { out, style }: Context,
): Uint8Array {
  const { path, name, type } = entry
  const shown = showName(wholePath ? path : name, out, escaped)
  if (type !== 'directory') return shown
  const slash = shown[shown.length - 1] === 0x2f ? '' : '/'
  if (!out.isTerminal) return Buffer.concat([shown, Buffer.from(slash)])
  return Buffer.from(style('blue', Buffer.from(shown).toString() + slash))
}

const TYPE_LETTERS: Record<EntryType, string> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  submodule: 's',
  other: '?',
}

function details({ type, size, modified, mode, error }: Entry): {
  type: string
  size: string
  time: string
} {
  return {
    type: TYPE_LETTERS[type] + (mode === undefined ? '' : permissions(mode)),
    size: type === 'directory' ? '-' : type === 'other' && error !== undefined ? '?' : String(size),
    time: modified === undefined ? '' : formatTime(modified),
  }
}

/** `rwxr-xr-x`. */
function permissions(mode: number): string {
  return Array.from('rwxrwxrwx', (letter, at) => ((mode >> (8 - at)) & 1 ? letter : '-')).join('')
}
