/** What the verbs have in common: their options, and how an image is opened around each. */

import { DeviceError } from '@caravan/core'
import { type Command, Option } from 'commander'
import { asCount, asSize } from './arguments.js'
import type { Context } from './context.js'
import {
  checkInterrupted,
  HostError,
  Interrupted,
  isErrno,
  OutputClosed,
  UsageError,
} from './errors.js'
import type { ImageFormat, ImageOptions } from './formats/format.js'
import { addFormatOptions } from './formats/options.js'
import { harmlessName } from './names.js'
import { type ChangeOptions, type Image, openImage } from './open-image.js'
import { isAboutOnePath, pathOf } from './report.js'

/** A command on an image, with the options that tell where and how it lies. */
export function imageVerb(
  program: Command,
  { formats }: Context,
  name: string,
  summary: string,
): Command {
  const command = program
    .command(name)
    .summary(summary)
    .helpOption('-h, --help', 'print this help')
    .option('--block-size <size>', 'block size of the filesystem (default: found)', asSize)
    .option('--block-count <count>', 'number of its blocks (default: found)', asCount)
    .addOption(formatOption(formats, 'format of the image (default: found)'))
  placeOptions(command)
  return addFormatOptions(command, formats, ({ openOptions }) => openOptions)
}

/** The options that say which part of an image is meant. */
export function placeOptions(command: Command): Command {
  return command
    .option('--offset <bytes>', 'where in the image it begins (default: found)', asSize)
    .option('--size <bytes>', 'bytes that it has there (default: found, or all)', asSize)
    .option('--partition <name>', 'the ESP32 partition that it is in')
    .option('--partition-table <file>', 'the table, binary or CSV (default: in the dump)')
    .option('--table-offset <bytes>', 'where the table lies (default: 0x8000)', asSize)
    .option('--family <name>', 'whose blocks of a UF2 file (default: the only one)')
}

/** The same for a verb that changes the image, with how its device writes. */
export function changingVerb(
  program: Command,
  context: Context,
  name: string,
  summary: string,
): Command {
  const command = lockOption(imageVerb(program, context, name, summary))
  command.hook('preAction', () => addDefaults(command, context.formats))
  return addFormatOptions(command, context.formats, ({ writerOptions }) => writerOptions)
}

/** Gives the options that were left out the values that follow from the others. */
function addDefaults(command: Command, formats: readonly ImageFormat[]): void {
  for (const { writerDefaults } of formats) {
    for (const [option, value] of Object.entries(writerDefaults?.(command.opts()) ?? {})) {
      if (command.getOptionValue(option) === undefined) {
        command.setOptionValueWithSource(option, value, 'config')
      }
    }
  }
}

export function formatOption(
  formats: readonly ImageFormat[],
  description: string,
  flags = '--format <name>',
): Option {
  return new Option(flags, description).choices(formats.map(({ name }) => name))
}

export function lockOption(command: Command): Command {
  return command.option('--no-lock', 'take no lock: for when nothing else can write')
}

/** @throws UsageError: a verb asks for something that images of this format do not have. */
export function lacks(
  { name, format }: { readonly name: string; readonly format: { readonly name: string } },
  what: string,
): never {
  throw new UsageError(`${name} is a ${format.name} image, which ${what}.`)
}

/** For verbs that take a path within the image. */
export const ESCAPED = [
  '-E, --escaped',
  'write and show names in percent notation: %XX is a byte',
] as const

export const JSON_OPTION = ['--json', 'print JSON'] as const

/** The end of the help of a verb that takes or shows paths. */
export const PATH_HELP = `
A PATH counts from the root of the image, with or without a slash before it, and
is UTF-8 text. With --escaped it is in percent notation: %XX is the byte XX, and
%25 a percent sign. So names that are not text can be given too:
  caravan cat --escaped flash.img /caf%E9.txt
Names are shown byte for byte; on a terminal, what it would not show stands as
%XX. With --escaped they are shown in percent notation, as they can be given.`

/** Adds examples, and perhaps more, to the help of a verb. */
export function withHelp(command: Command, examples: readonly string[], more = ''): Command {
  const list = examples.map((example) => `  ${example}`).join('\n')
  return command.addHelpText('after', `\nExamples:\n${list}${more === '' ? '' : `\n${more}`}`)
}

/**
 * Opens an image, hands it over, closes it. What goes wrong with the image or in it is told on
 * standard error, after what was already printed.
 */
export async function withImage(
  context: Context,
  name: string,
  options: ImageOptions,
  use: (image: Image) => Promise<void>,
): Promise<void> {
  await guarded(context, name, () => openImage(name, options, context), use)
}

/** The same for a verb that changes the image in place, under its lock. */
export async function withChangedImage(
  context: Context,
  name: string,
  options: ImageOptions & ChangeOptions,
  use: (image: Image) => Promise<void>,
): Promise<void> {
  await guarded(context, name, () => openImage(name, options, context, true), use)
}

async function guarded(
  context: Context,
  name: string,
  open: () => Promise<Image>,
  use: (image: Image) => Promise<void>,
): Promise<void> {
  try {
    const image = await open()
    try {
      await use(image)
      await image.mounted.unmount()
      await context.out.flush()
    } finally {
      await image.close()
    }
  } catch (error) {
    await failOn(context, name, error)
  }
}

/**
 * Tells of a failure about an image or a path in it, the path in the error where none is given; any
 * other error goes on as it is.
 */
export async function failOn(
  context: Context,
  image: string,
  error: unknown,
  path?: Uint8Array,
): Promise<void> {
  if (error instanceof Interrupted || error instanceof OutputClosed) throw error
  if (error instanceof DeviceError && error.code === 'ABORTED') checkInterrupted(context.signal)
  if (!isAboutOnePath(error)) throw error
  await context.out.flush()
  const subject = path === undefined ? pathOf(error) : harmlessName(path)
  // Sentences about a file of this computer begin with its name as they are.
  const isNamed = error instanceof DeviceError && error.message.startsWith(`${image} `)
  context.report.fail(
    [...(isNamed ? [] : [image]), ...(subject === undefined ? [] : [subject])],
    error,
  )
}

/** The same where it may also be a file of this computer that is in the way. */
export async function failOnHost(context: Context, name: string, error: unknown): Promise<void> {
  if (!(error instanceof HostError) && !isErrno(error)) return failOn(context, name, error)
  await context.out.flush()
  context.report.fail([name], error)
}
