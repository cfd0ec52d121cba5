/** `caravan migrate`: a littlefs 2 of a littlefs 1, as a new image or where it is. */

import type { BlockDevice } from '@caravan/core'
import {
  type MigrationTime,
  migrateInPlace,
  migrateToImage,
  type TimeDialect,
} from '@caravan/littlefs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { asCount, asSize } from '../arguments.js'
import type { Context } from '../context.js'
import { HostError, UsageError } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { blocksInWords, given } from '../geometry.js'
import { checkReplaceable, writeHostFile } from '../host-files.js'
import { type ChangeOptions, openPlace } from '../open-image.js'
import { profileNames, profileOf } from '../profiles.js'
import { failOn, failOnHost, imageVerb, lockOption, withHelp } from '../verb.js'

interface MigrateOptions extends ImageOptions, ChangeOptions {
  readonly inPlace?: boolean
  readonly force?: boolean
  readonly mtime?: number
  readonly times?: TimeDialect
  readonly diskVersion?: '2.0' | '2.1'
}

/** How times are written, as `--times` takes it: a profile's name will do as well. */
export const DIALECTS: readonly TimeDialect[] = ['t4', 't8', 't12', 'ns', 'nuttx']
const DIALECT_DEFAULT: TimeDialect = 't8'

const MIGRATE_HELP = `
IMAGE is a littlefs of version 1, and NEW gets everything that is in it: the same blocks,
or more where that is not enough. IMAGE is only read then. What is damaged is told by
name, and the exit code is 1; NEW holds the rest.

With --in-place IMAGE itself becomes a littlefs 2: the blocks of files stay, the
directories are written anew beside the old ones, and one write of the superblock makes
it version 2. Cut short by Ctrl-C, kill -9 or the power it is the one or the other, whole;
run it again to finish. What is damaged is refused.

A littlefs 1 holds no times. With --mtime all files get that one, in the dialect of
--times: t8 (ESP-IDF, Arduino), t4, t12 (chamelon), ns (MicroPython), nuttx; or in that
of a device, by the name of its profile (docs/profiles.md): --times esp-idf.`

export function addMigrate(program: Command, context: Context): void {
  const command = lockOption(
    imageVerb(program, context, 'migrate', 'make a littlefs 2 of a littlefs 1'),
  )
    .description('Makes a littlefs 2 of a littlefs of version 1: a new image, or where it is.')
    .argument('<image>', 'the littlefs 1, or - for standard input')
    .argument('[new]', 'the file to write, or - for standard output')
    .option('--in-place', 'make IMAGE itself a littlefs 2')
    .option('-f, --force', 'replace a file that is already there')
    .option('--mtime <seconds>', 'the time of all files, in seconds since 1970', asCount)
    .option(
      '--times <dialect>',
      `how times are written, or the device of a profile (default: ${DIALECT_DEFAULT})`,
      asDialect,
    )
    .addOption(
      new Option('--disk-version <version>', 'version on disk (default: 2.1)').choices([
        '2.0',
        '2.1',
      ]),
    )
    .option('--prog-size <bytes>', 'program size of the device that will use it', asSize)
    .option('--erase-value <byte>', 'what erased bytes read as (default: 0xff)', asCount)
    .action((name: string, target: string | undefined, options: MigrateOptions) =>
      migrate(context, name, target, options),
    )
  withHelp(
    command,
    [
      'caravan migrate old.img new.img',
      'caravan migrate --times ns --mtime 1700000000 old.img new.img',
      'caravan migrate --in-place flash.img',
    ],
    MIGRATE_HELP,
  )
}

/** A dialect, or that of the profile of a device. */
function asDialect(text: string): TimeDialect {
  const dialect = DIALECTS.find((each) => each === text)
  if (dialect !== undefined) return dialect
  const times = timesOfProfile(text)
  if (times === undefined) {
    throw new InvalidArgumentError(
      `Write one of ${DIALECTS.join(', ')}, or a profile: ${profileNames({}).join(', ')}.`,
    )
  }
  if (times !== 'none') return times
  throw new InvalidArgumentError('That device keeps no times: leave out --times and --mtime.')
}

function timesOfProfile(name: string): TimeDialect | 'none' | undefined {
  return profileNames({}).includes(name) ? profileOf({ profile: name })?.times : undefined
}

async function migrate(
  context: Context,
  name: string,
  target: string | undefined,
  options: MigrateOptions,
): Promise<void> {
  if (options.times !== undefined && options.mtime === undefined) {
    throw new UsageError('--times says how times are written. Give one with --mtime.')
  }
  if (options.inPlace === true) {
    if (target !== undefined) throw new UsageError('Give NEW or --in-place, not both.')
    return migrateWhereItIs(context, name, options)
  }
  if (target === undefined) {
    throw new UsageError('Give NEW, the image to write; or --in-place to change IMAGE itself.')
  }
  return migrateInto(context, name, target, options)
}

async function migrateInto(
  context: Context,
  name: string,
  target: string,
  options: MigrateOptions,
): Promise<void> {
  const { force = false } = options
  if (target === '-' && context.out.isTerminal) {
    throw new UsageError(
      'Standard output is a terminal. Pass it on: caravan migrate IMAGE - | gzip',
    )
  }
  try {
    if (target !== '-') await checkReplaceable(Buffer.from(target), force)
  } catch (error) {
    return failOnHost(context, target, error)
  }
  await withPart(context, name, options, false, async (part) => {
    const made = await migrateToImage(part, sharedOptions(options))
    if (target === '-') await context.out.put(made.bytes)
    else {
      const write = { force, durable: true, signal: context.signal }
      await writeHostFile(Buffer.from(target), [made.bytes], write)
    }
    await context.out.flush()
    for (const { path, what, isLost } of made.problems) {
      if (isLost) context.report.fail([name, path], new HostError('ENODATA', what))
      else context.report.tell(`${name}: ${path}: ${what}`)
    }
    if (target === '-') return
    const blocks = blocksInWords(made.blockCount, made.blockSize)
    await context.out.line(`${entriesInWords(made.entryCount)} in ${target}: ${blocks}`)
  })
}

async function migrateWhereItIs(
  context: Context,
  name: string,
  options: MigrateOptions,
): Promise<void> {
  await withPart(context, name, options, true, async (part) => {
    const { entryCount, wasMigrated } = await migrateInPlace(part, sharedOptions(options))
    await context.out.line(
      wasMigrated
        ? `${name} was a littlefs 2 already; what was left of the littlefs 1 is gone now`
        : `${name} is a littlefs 2 now: ${entriesInWords(entryCount)}`,
    )
  })
}

function entriesInWords(count: number): string {
  return count === 1 ? '1 file or directory' : `${count} files and directories`
}

/** Opens the image without mounting it: a littlefs 1 is changed by nothing but this. */
async function withPart(
  context: Context,
  name: string,
  options: MigrateOptions,
  writable: boolean,
  use: (part: BlockDevice) => Promise<void>,
): Promise<void> {
  try {
    const change = writable ? options : undefined
    const { device, part } = await openPlace(name, options, context, change)
    try {
      await use(part)
      await context.out.flush()
    } finally {
      await device.close()
    }
  } catch (error) {
    await failOn(context, name, error)
  }
}

function sharedOptions(options: MigrateOptions) {
  const { blockSize, blockCount, diskVersion, progSize, eraseValue, mtime } = options
  const { times: dialect = DIALECT_DEFAULT } = options
  const time: MigrationTime | undefined =
    mtime === undefined ? undefined : { dialect, mtimeNs: BigInt(mtime) * 1_000_000_000n }
  return given({ blockSize, blockCount, diskVersion, progSize, eraseValue, time })
}
