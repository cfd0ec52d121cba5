/**
 * `repl`: commands read from standard input, done on an image in place.
 *
 * What fails is told, and the next command is asked for; the end of the input ends it, with exit
 * code 0.
 */

import { createInterface } from 'node:readline'
import { checkInterrupted } from '@caravan/cli/host'
import type { BlockDevice } from '@caravan/core'
import { FileDevice } from '@caravan/device/node'
import { resolveFrom, type Surroundings } from '../../program.js'
import type { Call } from '../call.js'
import { engineOptions } from '../configuration.js'
import { sentenceOf } from '../failure.js'
import { FilenameEncoding } from '../filename-encoding.js'
import { mountAsGiven, mountImage } from '../image.js'
import { statsAt } from '../replace-file.js'
import { runCommand } from './commands.js'
import { Session } from './session.js'

const PROMPT = 'littlefs> '

/** @returns the exit code. @throws Failure and others that `sentenceOf` puts into words. */
export async function repl(call: Call, around: Surroundings): Promise<number> {
  const encoding = FilenameEncoding.named(call.filenameEncoding)
  const path = resolveFrom(around.cwd, call.source)
  const inputSize = (await statsAt(path))?.size ?? 0
  const device = await openImage(path, call)
  try {
    const mount = () => mountAsGiven(call, device)
    const fs = await mountImage(call, device, inputSize, around)
    const session = new Session(fs, mount, encoding, around)
    await runCommands(session, around)
    await session.end()
    return 0
  } finally {
    await device.close()
  }
}

/** A file that was made compact grows as its filesystem is written to. */
async function openImage(path: string, call: Call): Promise<BlockDevice> {
  const { blockSize } = engineOptions(call)
  const held = await FileDevice.open(path, { blockSize, readOnly: true })
  try {
    const { blockCount } = (await mountAsGiven(call, held)).info()
    const sizes = { blockSize, readSize: blockSize, progSize: blockSize }
    const isShort = blockCount > held.geometry.blockCount
    return await FileDevice.open(path, isShort ? { ...sizes, blockCount } : sizes)
  } finally {
    await held.close()
  }
}

async function runCommands(
  session: Session,
  { stdin, stdout, signal }: Surroundings,
): Promise<void> {
  const lines = createInterface({ input: stdin, crlfDelay: Number.POSITIVE_INFINITY, signal })
  stdout.write(PROMPT)
  for await (const line of lines) {
    if (line.trim() === END_OF_FILE) break
    try {
      await runCommand(session, line)
      if (session.isOver) return
    } catch (error) {
      const sentence = sentenceOf(error)
      if (sentence === undefined) throw error
      stdout.write(`${sentence}\n`)
    }
    stdout.write(PROMPT)
  }
  checkInterrupted(signal)
  stdout.write('\n')
}

/** What Python's `cmd` makes of the end of the input, and so takes for it. */
const END_OF_FILE = 'EOF'
