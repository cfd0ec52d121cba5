/** `caravan pack`: an image as UF2, Intel HEX or gzip. */

import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { encodeIntelHex, encodeUf2 } from '@caravan/container'
import { type Command, Option } from 'commander'
import { asSize } from '../arguments.js'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { readBytes, sizeOf } from '../formats/read-bytes.js'
import { checkReplaceable, writeHostFile } from '../host-files.js'
import { openPlace } from '../open-image.js'
import { sizeInWords } from '../sizes.js'
import { failOnHost, placeOptions, withHelp } from '../verb.js'
import { familyOf, wrapperInName } from '../wrapped.js'

const KINDS = ['uf2', 'hex', 'gzip'] as const
type Kind = (typeof KINDS)[number]

interface PackOptions extends Omit<ImageOptions, 'family'> {
  readonly as?: Kind
  readonly address?: number
  readonly forFamily?: string
  readonly force?: boolean
  readonly quiet?: boolean
}

const PACK_HELP = `
The kind of FILE is told by its name: .uf2, .hex, .gz; or by --as. UF2 and Intel HEX need to be
told where in the device's memory the image belongs, UF2 also for whom it is: rp2040,
rp2350-arm-s, rp2350-riscv, nrf52840, esp32s3..., or an id, 0xe48bff56. With --partition, or
--offset and --size, only that part of IMAGE is packed.`

export function addPack(program: Command, context: Context): void {
  const command = placeOptions(
    program
      .command('pack')
      .summary('make UF2, Intel HEX or gzip of an image')
      .helpOption('-h, --help', 'print this help')
      .description('Writes an image as a file that flashers and boot loaders take.')
      .argument('<image>', 'the image, or - for standard input')
      .argument('<file>', 'the file to write, or - for standard output')
      .addOption(new Option('--as <kind>', 'what to write (default: by its name)').choices(KINDS))
      .option('--address <bytes>', 'where in memory the image belongs', asSize)
      .option('--for-family <name>', 'whose board a UF2 file is for')
      .option('-f, --force', 'replace a file that is already there')
      .option('-q, --quiet', 'no summary'),
  ).action((name: string, target: string, options: PackOptions) =>
    pack(context, name, target, options),
  )
  withHelp(
    command,
    [
      'caravan pack --address 0x10180000 --for-family rp2040 flash.img flash.uf2',
      'caravan pack --address 0x26000 flash.img flash.hex',
      'caravan pack flash.img flash.img.gz',
    ],
    PACK_HELP,
  )
}

async function pack(
  context: Context,
  name: string,
  target: string,
  options: PackOptions,
): Promise<void> {
  const { out, signal } = context
  const { force = false, quiet = false } = options
  const kind = options.as ?? kindOf(target)
  const encode = encoderFor(kind, options)
  if (target === '-' && out.isTerminal) {
    throw new UsageError('Standard output is a terminal. Pass it on: caravan pack IMAGE - > FILE')
  }
  try {
    if (target !== '-') await checkReplaceable(Buffer.from(target), force)
    const { device, part } = await openPlace(name, options, context)
    let bytes: Uint8Array
    try {
      bytes = await encode(await readBytes(part, 0, sizeOf(part)))
    } finally {
      await device.close()
    }
    if (target === '-') await out.put(bytes)
    else await writeHostFile(Buffer.from(target), [bytes], { force, durable: true, signal })
    if (target !== '-' && !quiet) await out.line(`${target}: ${sizeInWords(bytes.length)}`)
    await out.flush()
  } catch (error) {
    await failOnHost(context, name, error)
  }
}

function kindOf(target: string): Kind {
  const kind = wrapperInName(target)
  if (kind !== undefined) return kind
  throw new UsageError(
    `${target}: its name does not say what it is to be. Name it .uf2, .hex or .gz, or give --as.`,
  )
}

/** @throws UsageError for what the kind needs and was not told, and what it has no use for. */
function encoderFor(
  kind: Kind,
  { address, forFamily }: PackOptions,
): (bytes: Uint8Array) => Uint8Array | Promise<Uint8Array> {
  if (kind !== 'uf2' && forFamily !== undefined) {
    throw new UsageError('--for-family is for UF2 files. Leave it out.')
  }
  if (kind === 'gzip') {
    if (address !== undefined) throw new UsageError('gzip holds no --address. Leave it out.')
    return promisify(gzip)
  }
  if (address === undefined) {
    throw new UsageError(
      'Where in the memory of the device does the image belong? Give --address: 0x10180000, 0x26000.',
    )
  }
  if (kind === 'hex') return (bytes) => encodeIntelHex(bytes, address)
  if (forFamily === undefined) {
    throw new UsageError(
      'Whose board is the UF2 file for? Give --for-family: rp2040, rp2350-arm-s, nrf52840...',
    )
  }
  const family = familyOf(forFamily)
  return (bytes) => encodeUf2(bytes, address, family)
}
