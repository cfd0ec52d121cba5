/** `caravan repair`: mends what `check` finds, in place or into a new image. */

import { constants, copyFile, open, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { BlockDevice } from '@caravan/core'
import type { Command } from 'commander'
import type { Context } from '../context.js'
import { HostError, isErrno, UsageError } from '../errors.js'
import { findingTable } from '../finding-table.js'
import type { ImageFormat, ImageOptions, RepairReport } from '../formats/format.js'
import { addFormatOptions } from '../formats/options.js'
import { checkReplaceable, writeHostFile } from '../host-files.js'
import { harmlessText } from '../names.js'
import { type ChangeOptions, isAddress, usePart } from '../open-image.js'
import { formatCount } from '../sizes.js'
import { changingVerb, failOn, failOnHost, JSON_OPTION, lacks, withHelp } from '../verb.js'

type RepairOptions = ImageOptions &
  ChangeOptions & {
    readonly to?: string
    readonly dryRun?: boolean
    readonly backup: boolean
    readonly force?: boolean
    readonly json?: boolean
  }

const REPAIR_HELP = `
In place only what is provably right is done: what a power cut left unfinished, blocks that
are written anew from their good other half, entries that lead nowhere where --dangling asks
for it. IMAGE is first copied to IMAGE.bak (.bak2 where that is there). Where the damage
makes writing dangerous nothing is written. Cut short, nothing is worse than before.

--to NEW leaves IMAGE as it is and makes a new image of everything that can be read, with as
many blocks as its superblock says; --block-count says otherwise.

Exit code 1 where damage is left, or something could not be read.`

export function addRepair(program: Command, context: Context): void {
  const command = changingVerb(program, context, 'repair', 'mend what check finds')
    .description('Mends an image, and says what that loses.')
    .argument('<image>', 'the image')
    .option('--to <new>', 'leave the image as it is, and make a new one of what can be read')
    .option('-n, --dry-run', 'say what would be done, and write nothing')
    .option('--no-backup', 'keep no copy of the image')
    .option('-f, --force', 'replace NEW where it is there')
    .option(...JSON_OPTION)
    .action((name: string, options: RepairOptions) =>
      options.to === undefined
        ? repairInPlace(context, name, options)
        : repairInto(context, name, options.to, options),
    )
  addFormatOptions(command, context.formats, ({ repairOptions }) => repairOptions)
  const examples = [
    'caravan repair --dry-run flash.img',
    'caravan repair flash.img',
    'caravan repair --to new.img flash.img',
  ]
  withHelp(command, examples, REPAIR_HELP)
}

async function repairInPlace(
  context: Context,
  name: string,
  options: RepairOptions,
): Promise<void> {
  const { out, signal } = context
  const { dryRun = false } = options
  try {
    await usePart(name, options, context, !dryRun, async (part, format) => {
      if (format.repair === undefined) return lacks({ name, format }, 'has no repair')
      const plan = await planOf(format, part, options, signal)
      if (dryRun || plan.changes.length === 0) return tell(context, name, plan, options)
      const backup = options.backup ? await backUp(name) : undefined
      if (backup !== undefined && options.json !== true) await out.line(`copied to ${backup}`)
      await tell(context, name, await format.repair(part, options, signal), options, backup)
    })
    await out.flush()
  } catch (error) {
    await (error instanceof HostError || isErrno(error) ? failOnHost : failOn)(context, name, error)
  }
}

async function planOf(
  format: ImageFormat,
  part: BlockDevice,
  options: ImageOptions,
  signal: AbortSignal,
): Promise<RepairReport> {
  if (format.planRepair !== undefined) return format.planRepair(part, options)
  const report = await format.check?.(part, options, signal)
  return { changes: (report?.findings ?? []).map(({ what }) => ({ what })) }
}

async function tell(
  { out, report, style }: Context,
  name: string,
  { changes, left = [] }: RepairReport,
  { dryRun = false, json = false }: RepairOptions,
  backup?: string,
): Promise<void> {
  const errors = left.filter(({ severity }) => severity === 'error').length
  if (errors > 0) report.failed = true
  if (json) {
    const done = { dryRun, backup: backup ?? null, changes, left }
    return out.line(JSON.stringify(done, undefined, 2))
  }
  for (const { what } of changes)
    await out.line(oneLine(`${dryRun ? 'would be done: ' : ''}${what}`))
  if (changes.length === 0) {
    await out.line(errors === 0 ? 'nothing to repair' : 'nothing that can be mended in place')
  }
  if (left.length === 0) return
  await out.line()
  for (const line of findingTable(left, style)) await out.line(line)
  if (errors === 0) return
  await out.line(
    `${formatCount(errors, 'error')} left. A new image of what can be read: caravan repair --to NEW ${name}`,
  )
}

/** A copy that is on the disk before anything is written. */
async function backUp(name: string): Promise<string> {
  for (let n = 1; ; n++) {
    const copy = `${name}.bak${n === 1 ? '' : n}`
    try {
      await copyFile(name, copy, constants.COPYFILE_EXCL)
    } catch (error) {
      if (isErrno(error, 'EEXIST')) continue
      throw error
    }
    await syncFile(copy, 'r+')
    // Its name too; not everywhere can a directory be opened.
    if (process.platform !== 'win32') await syncFile(dirname(copy), 'r')
    return copy
  }
}

async function syncFile(path: string, flags: string): Promise<void> {
  const file = await open(path, flags)
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

async function repairInto(
  context: Context,
  name: string,
  target: string,
  options: RepairOptions,
): Promise<void> {
  const { out, report, signal } = context
  const { force = false, dryRun = false, json = false } = options
  if (isAddress(target) || target === '-') {
    throw new UsageError(`--to ${target}: a new image is made as a file. Give a file.`)
  }
  try {
    if (await isSameFile(name, target)) {
      throw new HostError('EEXIST', 'this is the image itself, which --to leaves as it is.')
    }
    if (!dryRun) await checkReplaceable(Buffer.from(target), force)
  } catch (error) {
    return failOnHost(context, target, error)
  }
  try {
    await usePart(name, options, context, false, async (part, format) => {
      if (format.salvage === undefined)
        return lacks({ name, format }, 'is not repaired into another')
      const { bytes, summary, problems } = await format.salvage(part, options)
      if (!dryRun)
        await writeHostFile(Buffer.from(target), [bytes], { force, durable: true, signal })
      if (problems.some(({ isLost }) => isLost)) report.failed = true
      if (json) {
        const made = { dryRun, to: target, sizeBytes: bytes.length, summary, problems }
        return out.line(JSON.stringify(made, undefined, 2))
      }
      for (const { path, what, isLost } of problems) {
        await out.line(oneLine(`${path}: ${isLost ? 'left out: ' : ''}${what}`))
      }
      const where = dryRun ? 'would be in' : 'in'
      await out.line(`${summary} ${where} ${target}`)
    })
    await out.flush()
  } catch (error) {
    await (error instanceof HostError || isErrno(error) ? failOnHost : failOn)(context, name, error)
  }
}

/** Under whatever names. */
async function isSameFile(name: string, target: string): Promise<boolean> {
  if (isAddress(name) || name === '-') return false
  try {
    const [a, b] = await Promise.all([name, target].map((path) => stat(path, { bigint: true })))
    return a?.dev === b?.dev && a?.ino === b?.ino
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false
    throw error
  }
}

function oneLine(text: string): string {
  return harmlessText(text).replaceAll('\n', '%0A')
}
