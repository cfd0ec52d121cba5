/** `caravan attr`: the user attributes of a file or directory. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import { attributeName, attributesJson } from '../entries.js'
import { UsageError } from '../errors.js'
import { decodeTime, formatTime } from '../modification-time.js'
import { toHex } from '../names.js'
import type { Image, ImageOptions } from '../open-image.js'
import { enginePath, parsePath } from '../paths.js'
import { formatCount } from '../sizes.js'
import { ESCAPED, imageVerb, JSON_OPTION, PATH_HELP, withHelp, withImage } from '../verb.js'

interface AttrOptions extends ImageOptions {
  readonly json?: boolean
  readonly raw?: boolean
  readonly escaped?: boolean
}

export function addAttr(program: Command, context: Context): void {
  const command = imageVerb(program, 'attr', 'show attributes')
    .description(
      'Lists all attributes of a file or directory; or prints the value of one, in hexadecimal.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .argument('<path>', 'file or directory in it; / has attributes too')
    .argument('[type]', 'number (116, 0x74) or a letter (t) for its code')
    .option('--raw', 'print the value as it is')
    .option(...JSON_OPTION)
    .option(...ESCAPED)
    .action((name: string, path: string, type: string | undefined, options: AttrOptions) => {
      const bytes = parsePath(path, options)
      const number = type === undefined ? undefined : parseAttributeType(type)
      if (options.raw === true && number === undefined) {
        throw new UsageError('--raw prints one attribute: say which, e.g. 0x74.')
      }
      if (options.raw === true && options.json === true) {
        throw new UsageError('--raw and --json exclude each other. Choose one.')
      }
      return withImage(context, name, options, (image) =>
        attr(context, image, bytes, number, options),
      )
    })
  withHelp(
    command,
    [
      'caravan attr flash.img /config.json             all of them',
      'caravan attr flash.img /config.json t           one, in hexadecimal',
      'caravan attr --raw flash.img /config.json 0x10  one, byte for byte',
      'caravan attr --json flash.img /config.json',
    ],
    PATH_HELP,
  )
}

/**
 * Reads the type of an attribute: `116`, `0x74`, or a character that is no digit for its code (`t`).
 *
 * @throws UsageError for anything that is no number from 0 to 255.
 */
export function parseAttributeType(text: string): number {
  const type =
    text.length === 1 && !/\d/.test(text)
      ? text.charCodeAt(0)
      : /^(0x[0-9a-f]+|\d+)$/i.test(text)
        ? Number(text)
        : Number.NaN
  if (!(type <= 255)) {
    throw new UsageError(
      `'${text}' is no type of an attribute. Write a number from 0 to 255 (116, 0x74) or a letter (t).`,
    )
  }
  return type
}

async function attr(
  { out }: Context,
  { fs }: Image,
  path: Uint8Array,
  type: number | undefined,
  { json = false, raw = false }: AttrOptions,
): Promise<void> {
  if (type === undefined) {
    const attributes = await fs.getAttributes(enginePath(path))
    if (json) return out.line(JSON.stringify(attributesJson(attributes), undefined, 2))
    for (const line of attributeLines(attributes)) await out.line(line)
    return
  }
  const value = await fs.getAttribute(enginePath(path), type)
  if (raw) return out.put(value)
  await out.line(json ? JSON.stringify({ [attributeName(type)]: toHex(value) }) : toHex(value))
}

/** `0x74 't'  8 bytes  00f1536500000000  2023-11-14 22:13:20 UTC`, one a line. */
export function attributeLines(attributes: ReadonlyMap<number, Uint8Array>): string[] {
  return Array.from(attributes, ([type, value]) => {
    const letter = type > 0x20 && type < 0x7f ? `'${String.fromCharCode(type)}'` : '   '
    const time = decodeTime(type, value)
    return [
      `${attributeName(type)} ${letter}`,
      formatCount(value.length, 'byte').padStart(10),
      ...(value.length === 0 ? [] : [shorten(toHex(value))]),
      ...(time === undefined ? [] : [`${formatTime(time)} UTC`]),
    ].join('  ')
  })
}

/** A long value is for --raw or --json. */
function shorten(hex: string): string {
  return hex.length <= 80 ? hex : `${hex.slice(0, 80)}...`
}
