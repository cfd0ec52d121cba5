/** `caravan dump`: the blocks of an image, decoded. */

import { type Command, Option } from 'commander'
import { asCount } from '../arguments.js'
import type { Context } from '../context.js'
import type { DumpedBlock, ImageOptions } from '../formats/format.js'
import { harmlessText, toHex } from '../names.js'
import { usePart } from '../open-image.js'
import { formatCount } from '../sizes.js'
import { failOn, imageVerb, JSON_OPTION, lacks, withHelp } from '../verb.js'

interface DumpOptions extends ImageOptions {
  readonly json?: boolean
  readonly hex?: boolean
}

const DUMP_HELP = `
Metadata is shown commit by commit and tag by tag, with offsets, what each tag says, and the
first of its bytes; a commit that is shown has a good CRC, and behind the last one stands
why it is the last. IMAGE need not mount: then give --block-size. Without BLOCK all blocks
are shown but those that hold nothing.`

export function addDump(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'dump', 'show blocks, decoded')
    .description('Shows the blocks of an image, decoded as what they are.')
    .argument('<image>', 'the image, or - for standard input')
    .argument('[block...]', 'numbers of blocks: 7, 0x10 (default: all that hold something)')
    .addOption(new Option('--hex', 'all bytes of each block too'))
    .option(...JSON_OPTION)
    .action((name: string, blocks: readonly string[], options: DumpOptions) =>
      dump(context, name, blocks.map(asCount), options),
    )
  const examples = [
    'caravan dump flash.img 0 1',
    'caravan dump --json flash.img',
    'caravan dump --hex flash.img 7',
  ]
  withHelp(command, examples, DUMP_HELP)
}

async function dump(
  context: Context,
  name: string,
  blocks: readonly number[],
  options: DumpOptions,
): Promise<void> {
  const { out } = context
  try {
    await usePart(name, options, context, false, async (part, format) => {
      if (format.dump === undefined) return lacks({ name, format }, 'has no dump of its blocks')
      const all = format.dump(part, options, blocks.length === 0 ? undefined : blocks)
      const { json = false, hex = false } = options
      await (json ? tellJson : tell)(context, all, blocks.length > 0, hex)
    })
    await out.flush()
  } catch (error) {
    await failOn(context, name, error)
  }
}

async function tell(
  { out, style }: Context,
  blocks: AsyncIterable<DumpedBlock>,
  isNamed: boolean,
  hex: boolean,
): Promise<void> {
  let freeCount = 0
  for await (const { block, title, lines, isFree, bytes } of blocks) {
    if (isFree && !isNamed) {
      freeCount++
      continue
    }
    await out.line(style('bold', oneLine(`block ${block}: ${title}`)))
    for (const line of lines) await out.line(`  ${oneLine(line)}`)
    if (hex) for (const line of hexLines(bytes)) await out.line(`  ${line}`)
    await out.line()
  }
  if (freeCount > 0) await out.line(`${formatCount(freeCount, 'block')} that nothing uses`)
}

/** One array, a block a line, written as it comes. */
async function tellJson(
  { out }: Context,
  blocks: AsyncIterable<DumpedBlock>,
  isNamed: boolean,
  hex: boolean,
): Promise<void> {
  let before = '['
  for await (const { block, isFree, json, bytes } of blocks) {
    if (isFree && !isNamed) continue
    const all = { block, ...json, ...(hex ? { bytes: toHex(bytes) } : {}) }
    await out.put(`${before}\n${JSON.stringify(all)}`)
    before = ','
  }
  await out.line(before === '[' ? '[]' : '\n]')
}

function oneLine(text: string): string {
  return harmlessText(text).replaceAll('\n', '%0A')
}

/** `0010  6c 69 74 74 6c 65 66 73 ...  |littlefs...|`. */
function hexLines(bytes: Uint8Array): string[] {
  const lines = []
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16)
    const hex = toHex(row)
      .replaceAll(/(..)(?=.)/g, '$1 ')
      .padEnd(47)
    const text = Array.from(row, (byte) =>
      byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.',
    )
    lines.push(`${at.toString(16).padStart(4, '0')}  ${hex}  |${text.join('')}|`)
  }
  return lines
}
