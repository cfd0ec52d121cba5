/** `caravan attr`: the user attributes of a file or directory, shown, set and removed. */

import type { Command } from 'commander'
import { collect } from '../arguments.js'
import { attributeBytes, parseAttribute, parseAttributeType } from '../attribute-values.js'
import type { Context } from '../context.js'
import { attributeName, attributesJson } from '../entries.js'
import { UsageError } from '../errors.js'
import type { AttributeCalls, ImageOptions } from '../formats/format.js'
import { decodeTime, formatTime } from '../modification-time.js'
import { toHex } from '../names.js'
import type { ChangeOptions, Image } from '../open-image.js'
import { parsePath } from '../paths.js'
import { formatCount } from '../sizes.js'
import {
  changingVerb,
  ESCAPED,
  JSON_OPTION,
  lacks,
  PATH_HELP,
  withChangedImage,
  withHelp,
  withImage,
} from '../verb.js'

interface AttrOptions extends ImageOptions, ChangeOptions {
  readonly json?: boolean
  readonly raw?: boolean
  /** `TYPE=VALUE`. */
  readonly set?: readonly string[]
  readonly remove?: readonly string[]
  readonly escaped?: boolean
}

const CHANGE_HELP = `
--set and --remove may be given several times. IMAGE is changed in place, under its
lock, one attribute after the other; those to remove go first.`

export function addAttr(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'attr', 'show, set or remove attributes')
    .description(
      'Lists all attributes of a file or directory; prints the value of one, in hexadecimal; or sets and removes some.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .argument('<path>', 'file or directory in it; / has attributes too')
    .argument('[type]', 'number (116, 0x74) or a letter (t) for its code')
    .option('--set <type=value>', 'set one: 0x and hexadecimal, text, or @file', collect)
    .option('--remove <type>', 'remove one; one that is not there is fine', collect)
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
      if (options.set !== undefined || options.remove !== undefined) {
        if (type !== undefined || options.raw === true || options.json === true) {
          throw new UsageError('--set and --remove print nothing. Look with a second command.')
        }
        return change(context, name, bytes, options)
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
      'caravan attr --set t=0x00f1536500000000 flash.img /config.json',
      'caravan attr --set 7=text --set 8=@icon.bin --remove t flash.img /config.json',
    ],
    `${CHANGE_HELP}\n${PATH_HELP}`,
  )
}

/** All values are read before the first is set: a mistake in one shows while nothing has changed. */
async function change(
  context: Context,
  name: string,
  path: Uint8Array,
  options: AttrOptions,
): Promise<void> {
  const { set = [], remove = [] } = options
  const removed = remove.map(parseAttributeType)
  const added: [number, Uint8Array][] = []
  for (const argument of set.map(parseAttribute)) {
    added.push([argument.type, await attributeBytes(argument)])
  }
  await withChangedImage(context, name, options, async (image) => {
    const attributes = attributesOf(image)
    for (const type of removed) await attributes.remove(path, type)
    for (const [type, value] of added) await attributes.set(path, type, value)
  })
}

/** @throws UsageError where the format holds none. */
function attributesOf(image: Image): AttributeCalls {
  return image.mounted.attributes ?? lacks(image, 'holds no attributes')
}

async function attr(
  { out }: Context,
  image: Image,
  path: Uint8Array,
  type: number | undefined,
  { json = false, raw = false }: AttrOptions,
): Promise<void> {
  const calls = attributesOf(image)
  if (type === undefined) {
    const attributes = await calls.all(path)
    if (json) return out.line(JSON.stringify(attributesJson(attributes), undefined, 2))
    for (const line of attributeLines(attributes)) await out.line(line)
    return
  }
  const value = await calls.get(path, type)
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
