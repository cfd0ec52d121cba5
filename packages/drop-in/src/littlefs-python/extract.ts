/**
 * `extract`: what is in an image, as files of this computer.
 *
 * 1. Nothing is written outside the destination by what an image says: a name that would lead out of
 *    its directory, or that this computer cannot hold, ends the run.
 * 2. Each file is there whole or as it was.
 */

import { mkdir } from 'node:fs/promises'
import { checkInterrupted, HostError, hostNameProblem } from '@caravan/cli/host'
import { resolveFrom, type Surroundings } from '../program.js'
import { pythonPath } from './argparse/python-text.js'
import type { Call } from './call.js'
import { Failure } from './failure.js'
import { FilenameEncoding } from './filename-encoding.js'
import { listedDirectories, type NamedEntry } from './image.js'
import { mountFile } from './list.js'
import { replaceFile, statsAt } from './replace-file.js'

/** @returns the exit code. @throws Failure and others that `sentenceOf` puts into words. */
export async function extract(call: Call, around: Surroundings): Promise<number> {
  const { cwd, stdout, signal } = around
  const encoding = FilenameEncoding.named(call.filenameEncoding)
  const fs = await mountFile(call, around)
  const destination = resolveFrom(cwd, call.destination)
  await mkdirUnlessThere(destination)
  if ((await statsAt(destination))?.isDirectory() !== true) {
    stdout.write('Destination must be a directory.\n')
    return 1
  }
  // Shown as Python's Path has it: `..` stays.
  const directory = destination.replace(/[/\\]$/, '')
  for await (const { directories, files } of listedDirectories(fs, encoding)) {
    for (const named of [...directories, ...files]) {
      checkInterrupted(signal)
      checkName(named)
      const target = pythonPath(directory + named.path)
      if (call.isVerbose) stdout.write(`${named.path} ${target}\n`)
      if (named.folder !== undefined) await makeDirectory(target)
      else await replaceFile(target, fs.readEntryInPieces(named.entry), signal)
    }
  }
  return 0
}

async function mkdirUnlessThere(path: string): Promise<void> {
  if ((await statsAt(path)) === undefined) await mkdir(path, { recursive: true })
}

async function makeDirectory(path: string): Promise<void> {
  const there = await statsAt(path)
  if (there === undefined) await mkdir(path)
  else if (!there.isDirectory()) {
    throw new HostError('EEXIST', `'${path}' is a file, and a directory was to be made there.`)
  }
}

function checkName({ path, name }: NamedEntry): void {
  const problem = hostNameProblem(new TextEncoder().encode(name))
  if (problem === undefined) return
  throw new Failure(
    'USAGE',
    `'${path}' cannot be a file of this computer: ${problem}. caravan get writes it under another name.`,
  )
}
