/** `caravan unpack`: the raw image out of gzip, UF2, Intel HEX, or a dump of a flash. */

import { familyName } from '@caravan/container'
import { MemoryDevice } from '@caravan/device'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { readBytes, sizeOf } from '../formats/read-bytes.js'
import { checkReplaceable, writeHostFile } from '../host-files.js'
import { openBytes } from '../open-image.js'
import { partAt, statedPlace } from '../place.js'
import { sizeInWords } from '../sizes.js'
import { failOnHost, placeOptions, withHelp } from '../verb.js'
import { leftOut, unwrapDevice } from '../wrapped.js'

interface UnpackOptions extends ImageOptions {
  readonly force?: boolean
  readonly quiet?: boolean
}

const UNPACK_HELP = `
What is raw already is copied, so that with --partition, or --offset and --size, a part of a
dump becomes an image of its own. Gaps in UF2 and Intel HEX are filled with 0xff; what lies
far from the rest (nRF's UICR) is left out. \`caravan pack\` is the way back.`

export function addUnpack(program: Command, context: Context): void {
  const command = placeOptions(
    program
      .command('unpack')
      .summary('take a raw image out of gzip, UF2, Intel HEX')
      .helpOption('-h, --help', 'print this help')
      .description('Writes the raw image that a file holds, and tells where in memory it lies.')
      .argument('<file>', 'gzip, UF2, Intel HEX or a dump, or - for standard input')
      .argument('<image>', 'the image to write, or - for standard output')
      .option('-f, --force', 'replace a file that is already there')
      .option('-q, --quiet', 'no summary'),
  ).action((name: string, target: string, options: UnpackOptions) =>
    unpack(context, name, target, options),
  )
  withHelp(
    command,
    [
      'caravan unpack firmware.uf2 flash.img',
      'caravan unpack --partition storage dump.bin storage.img',
      'caravan unpack flash.img.gz -  | caravan ls -',
    ],
    UNPACK_HELP,
  )
}

async function unpack(
  context: Context,
  name: string,
  target: string,
  options: UnpackOptions,
): Promise<void> {
  const { formats, out, report, signal } = context
  const { force = false, quiet = false } = options
  if (target === '-' && out.isTerminal) {
    throw new UsageError('Standard output is a terminal. Pass it on: caravan unpack FILE - | ...')
  }
  try {
    if (target !== '-') await checkReplaceable(Buffer.from(target), force)
    const device = await openBytes(name, options, context)
    try {
      const unwrapped = await unwrapDevice(formats, device, name, options.family)
      const raw = unwrapped === undefined ? device : new MemoryDevice(unwrapped.bytes)
      const place = (await statedPlace(raw, name, options)) ?? { offsetBytes: 0 }
      const part = partAt(raw, name, place)
      const bytes = await readBytes(part, 0, sizeOf(part))
      if (unwrapped !== undefined)
        for (const line of leftOut(unwrapped)) report.tell(`${name}: ${line}`)
      if (target === '-') await out.put(bytes)
      else await writeHostFile(Buffer.from(target), [bytes], { force, durable: true, signal })
      if (target === '-' || quiet) return
      const { wrappers = [], address, family } = unwrapped ?? {}
      const words = [
        sizeInWords(bytes.length),
        ...(wrappers.length === 0 ? [] : [`out of ${wrappers.join(' of ')}`]),
        ...(address === undefined
          ? []
          : [`from address 0x${(address + place.offsetBytes).toString(16)}`]),
        ...(family === undefined ? [] : [`for ${familyName(family)}`]),
      ]
      await out.line(`${target}: ${words.join(', ')}`)
    } finally {
      await device.close()
    }
    await out.flush()
  } catch (error) {
    await failOnHost(context, name, error)
  }
}
