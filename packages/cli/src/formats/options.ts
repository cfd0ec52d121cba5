/** The options that formats bring: put on the verbs, and refused where another format has no use for them. */

import type { Command, Option } from 'commander'
import { UsageError } from '../errors.js'
import type { ImageFormat } from './format.js'

/** Adds the options of all formats, each once. */
export function addFormatOptions(
  command: Command,
  formats: readonly ImageFormat[],
  optionsOf: (format: ImageFormat) => readonly Option[] | undefined,
): Command {
  for (const option of formats.flatMap((format) => optionsOf(format) ?? [])) {
    if (!command.options.some(({ long }) => long === option.long)) command.addOption(option)
  }
  return command
}

/**
 * What is said for an image of one format must be something that this format knows.
 *
 * @throws UsageError that names the option and the formats that have it.
 */
export function checkOptions(
  formats: readonly ImageFormat[],
  format: ImageFormat,
  given: object,
  writable: boolean,
): void {
  refuseForeign(formats, format, given, writable ? changingOptions : openingOptions)
}

/** The same for the verbs that make images. */
export function checkMakingOptions(
  formats: readonly ImageFormat[],
  format: ImageFormat,
  given: object,
): void {
  refuseForeign(formats, format, given, makingOptions)
}

function openingOptions({ openOptions = [], judgingOptions = [] }: ImageFormat): readonly Option[] {
  return [...openOptions, ...judgingOptions]
}

function changingOptions(format: ImageFormat): readonly Option[] {
  const { openOptions = [], writerOptions = [], repairOptions = [] } = format
  return [...openOptions, ...writerOptions, ...repairOptions]
}

/** Of what was given, that which says how an image is written. */
export function writerOptionsIn(formats: readonly ImageFormat[], given: object): object {
  const names = formats.flatMap(({ writerOptions = [] }) =>
    writerOptions.map((option) => option.attributeName()),
  )
  return Object.fromEntries(Object.entries(given).filter(([name]) => names.includes(name)))
}

export function makingOptions({ making }: ImageFormat): readonly Option[] {
  return typeof making === 'string' ? [] : making.options
}

function refuseForeign(
  formats: readonly ImageFormat[],
  format: ImageFormat,
  given: object,
  optionsOf: (format: ImageFormat) => readonly Option[],
): void {
  const values = new Map(Object.entries(given))
  const known = new Set(optionsOf(format).map(({ long }) => long))
  for (const option of new Set(formats.flatMap((each) => optionsOf(each)))) {
    if (known.has(option.long) || values.get(option.attributeName()) === undefined) continue
    const owners = formats.filter((each) =>
      optionsOf(each).some(({ long }) => long === option.long),
    )
    throw new UsageError(
      `${option.long} is for ${owners.map(({ name }) => name).join(' and ')}, and this is ${format.name}. Leave it out.`,
    )
  }
}
