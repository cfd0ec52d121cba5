/** `caravan git verify`: everything in an image is checked, and told in docteur's lines. */

import { byteStringToBytes } from '@caravan/core'
import { type VerifyReport, verifiedLines, verifyImage } from '@caravan/docteur'
import { nodePlatform } from '@caravan/docteur/node'
import type { Command } from 'commander'
import { asSize } from '../arguments.js'
import type { Context } from '../context.js'
import { checkInterrupted } from '../errors.js'
import type { ImageOptions } from '../formats/format.js'
import { harmlessText } from '../names.js'
import { openPlace } from '../open-image.js'
import { Progress } from '../progress.js'
import { failOn, JSON_OPTION, withHelp } from '../verb.js'

interface GitVerifyOptions extends Pick<ImageOptions, 'offset'> {
  readonly quiet?: boolean
  readonly json?: boolean
}

const VERIFY_HELP = `
The PACK is read whole: every object is made and hashed, the hash of the PACK and the
IDX are made anew and compared. Then the commit, its trees (names, modes, order) and
that every blob is there; padding and length. Each kind of damage has a sentence of its
own on standard error.

Exit codes: 0 sound (what is unusual is told), 1 damaged, 2 wrong use.`

export function addGitVerify(git: Command, context: Context): void {
  const command = git
    .command('verify')
    .summary('check an image')
    .description('Checks everything in an image, and prints its commit.')
    .helpOption('-h, --help', 'print this help')
    .argument('<image>', 'the image, or - for standard input')
    .option('--offset <bytes>', 'where in the file it begins, e.g. a partition', asSize)
    .option('-q, --quiet', 'nothing but the exit code and what is wrong')
    .option(...JSON_OPTION)
    .action((name: string, options: GitVerifyOptions) => verify(context, name, options))
  withHelp(
    command,
    ['caravan git verify site.img', 'caravan git verify --json site.img'],
    VERIFY_HELP,
  )
}

async function verify(context: Context, name: string, options: GitVerifyOptions): Promise<void> {
  const { out, report, signal } = context
  const { quiet = false, json = false } = options
  let progress: Progress | undefined
  let before = 0
  try {
    const { device, part } = await openPlace(name, options, context)
    try {
      const found = await verifyImage(part, {
        platform: nodePlatform,
        onProgress(done, total) {
          checkInterrupted(signal)
          if (quiet) return
          progress ??= new Progress(report.stream, total)
          progress.advance(done - before, name)
          before = done
        },
      })
      progress?.clear()
      if (json) await out.line(JSON.stringify(jsonOf(found), undefined, 2))
      else if (!quiet && found.commit !== undefined && found.isSound) {
        await out.put(byteStringToBytes(verifiedLines(found.commitId ?? '', found.commit)))
      }
      await out.flush()
      for (const { message } of found.notices) {
        if (!quiet && !json) report.tell(`${name}: ${harmlessText(message)}`)
      }
      if (!found.isSound) report.failed = true
      for (const { message } of json ? [] : found.damage) {
        report.tell(`${name}: damaged: ${harmlessText(message)}`)
      }
    } finally {
      await device.close()
    }
  } catch (error) {
    await failOn(context, name, error)
  } finally {
    progress?.clear()
  }
}

function jsonOf({ isSound, damage, notices, objectCount, commitId, commit }: VerifyReport) {
  return {
    format: 'docteur',
    sound: isSound,
    commit: commitId ?? null,
    tree: commit?.tree ?? null,
    objectCount,
    damage,
    notices,
  }
}
