/** `caravan stat`: what is known of one file or directory. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { entryJson, lookUp, showName } from '../entries.js'
import { formatTime, modificationTime } from '../modification-time.js'
import type { Image, ImageOptions } from '../open-image.js'
import { parsePath } from '../paths.js'
import { formatSize } from '../sizes.js'
import { ESCAPED, imageVerb, JSON_OPTION, PATH_HELP, withHelp, withImage } from '../verb.js'
import { attributeLines } from './attr.js'

interface StatOptions extends ImageOptions {
  readonly json?: boolean
  readonly escaped?: boolean
}

export function addStat(program: Command, context: Context): void {
  const command = imageVerb(program, 'stat', 'show what is known of a file or directory')
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

async function stat(
  { out }: Context,
  { fs }: Image,
  path: Uint8Array,
  { json = false, escaped = false }: StatOptions,
): Promise<void> {
  const entry = await lookUp(fs, path)
  if (entry.error !== undefined) throw entry.error
  if (json) return out.line(JSON.stringify(entryJson(entry), undefined, 2))
  const modified = modificationTime(entry.attributes)
  const type = entry.type === 'other' ? 'neither file nor directory' : entry.type
  await out.put('path        ')
  await out.line(showName(path, out, escaped))
  await out.line(`type        ${type}`)
  if (entry.type !== 'directory') {
    await out.line(`size        ${sizeInWords(entry.size)}`)
  }
  if (modified !== undefined) await out.line(`modified    ${formatTime(modified)} UTC`)
  for (const [index, line] of attributeLines(entry.attributes).entries()) {
    await out.line(`${index === 0 ? 'attributes' : '          '}  ${line}`)
  }
}

function sizeInWords(sizeBytes: number): string {
  return sizeBytes < 1024 ? `${sizeBytes} bytes` : `${sizeBytes} bytes (${formatSize(sizeBytes)})`
}
