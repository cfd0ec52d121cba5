/** `caravan stat`: what is known of one file or directory. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { entryJson, formatMode, lookUp, showName } from '../entries.js'
import type { EntryType, ImageOptions } from '../formats/format.js'
import { formatTime } from '../modification-time.js'
import type { Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { formatSize } from '../sizes.js'
import { ESCAPED, imageVerb, JSON_OPTION, PATH_HELP, withHelp, withImage } from '../verb.js'
import { attributeLines } from './attr.js'

interface StatOptions extends ImageOptions {
  readonly json?: boolean
  readonly escaped?: boolean
}

export function addStat(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'stat', 'show what is known of a file or directory')
    .description('Shows type, size, modification time (UTC) and attributes of a file or directory.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('<path>', 'file or directory in it')
    .option(...JSON_OPTION)
    .option(...ESCAPED)
    .action((name: string, path: string, options: StatOptions) => {
      const bytes = parsePath(path, options)
      return withImage(context, name, options, (image) => stat(context, image, bytes, options))
    })
  withHelp(
    command,
    ['caravan stat flash.img /config.json', 'caravan stat --json flash.img /config.json'],
    PATH_HELP,
  )
}

const TYPE_WORDS: Record<EntryType, string> = {
  file: 'file',
  directory: 'directory',
  symlink: 'symbolic link',
  submodule: 'submodule',
  other: 'neither file nor directory',
}

async function stat(
  { out }: Context,
  { tree }: Image,
  path: Uint8Array,
  { json = false, escaped = false }: StatOptions,
): Promise<void> {
  const entry = await lookUp(tree, path)
  if (entry.error !== undefined) throw entry.error
  if (json) return out.line(JSON.stringify(entryJson(entry), undefined, 2))
  const { modified, mode, id, attributes = new Map() } = entry
  await out.put('path        ')
  await out.line(showName(path, out, escaped))
  await out.line(`type        ${TYPE_WORDS[entry.type]}`)
  if (entry.target !== undefined) {
    await out.put('leads to    ')
    await out.line(showName(entry.target, out, escaped))
  } else if (entry.type !== 'directory' && entry.type !== 'submodule') {
    await out.line(`size        ${sizeInWords(entry.size)}`)
  }
  if (mode !== undefined) await out.line(`mode        ${formatMode(mode)}`)
  if (id !== undefined)
    await out.line(`${entry.type === 'submodule' ? 'commit' : 'object'}      ${id}`)
  if (modified !== undefined) await out.line(`modified    ${formatTime(modified)} UTC`)
  for (const [index, line] of attributeLines(attributes).entries()) {
    await out.line(`${index === 0 ? 'attributes' : '          '}  ${line}`)
  }
}

function sizeInWords(sizeBytes: number): string {
  return sizeBytes < 1024 ? `${sizeBytes} bytes` : `${sizeBytes} bytes (${formatSize(sizeBytes)})`
}
