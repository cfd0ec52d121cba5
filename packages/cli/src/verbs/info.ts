/** `caravan info`: what an image is, before anything in it. */

import type { Command } from 'commander'
import type { Context } from '../context.js'
import type { ImageOptions } from '../formats/format.js'
import { addFormatOptions } from '../formats/options.js'
import type { Image } from '../open-image.js'
import { sizeInWords } from '../sizes.js'
import { failOn, imageVerb, JSON_OPTION, withHelp, withImage } from '../verb.js'

interface InfoOptions extends ImageOptions {
  readonly json?: boolean
}

export function addInfo(program: Command, context: Context): void {
  const command = imageVerb(program, context, 'info', 'show what the image is')
    .description(
      'Shows format and version, geometry, limits, use and state of the filesystem in an image.',
    )
    .argument('<image>', 'the image, or - for standard input')
    .option(...JSON_OPTION)
    .action((name: string, options: InfoOptions) =>
      withImage(context, name, options, (image) => info(context, image, options)),
    )
  addFormatOptions(command, context.formats, ({ judgingOptions }) => judgingOptions)
  withHelp(command, [
    'caravan info flash.img',
    'caravan info --offset 0x290000 dump.bin   a partition of a whole flash',
    'caravan info --profile esp-idf flash.img  would that device mount it?',
    'caravan info --json flash.img             for a program',
  ])
}

async function info(context: Context, image: Image, options: InfoOptions): Promise<void> {
  const { title, rows, json, sizeBytes, problems } = await image.mounted.describe(options)
  for (const problem of problems) await failOn(context, image.name, problem)
  const { out, style } = context
  if (options.json === true) {
    const own = { sizeBytes: image.sizeBytes, offsetBytes: image.offsetBytes }
    return out.line(JSON.stringify({ ...json, image: own }, undefined, 2))
  }
  await out.line(style('bold', title))
  for (const [name, value] of [...rows, ['image', imageInWords(sizeBytes, image)] as const]) {
    await out.line(`${style('dim', name.padEnd(8))}${value}`)
  }
}

/** How the image and the filesystem in it compare. */
function imageInWords(size: number, { sizeBytes, offsetBytes }: Image): string {
  const place = offsetBytes === 0 ? '' : `, from byte ${offsetBytes} on`
  const whole = `${sizeInWords(sizeBytes)}${place}`
  if (sizeBytes < size) {
    return `${whole}: cut short, ${size - sizeBytes} bytes of the filesystem are missing`
  }
  if (sizeBytes > size) return `${whole}: ${sizeBytes - size} bytes follow the filesystem`
  return whole
}
