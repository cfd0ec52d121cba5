/**
 * The files and directories that an image is made of, in the order in which they go in: of each
 * directory first its directories, then its files, each by the bytes of their names, then what is in
 * the directories. Links are followed, as the original does.
 */

import type { Stats } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { checkInterrupted, compareBytes, decodeUtf8 } from '@caravan/cli/host'
import { Failure } from './failure.js'
import { statsAt } from './replace-file.js'

export interface SourceEntry {
  readonly host: Buffer
  /** Of the directories it is in, from the top, and its own. */
  readonly names: readonly string[]
  readonly isDirectory: boolean
}

/**
 * What is at a path: all that is below a directory, or the one file.
 *
 * @param path absolute.
 * @throws Failure for a name that is no text, a link that leads back above itself; Node's errors
 *   where a directory cannot be read.
 */
export async function sourceEntries(path: string, signal: AbortSignal): Promise<SourceEntry[]> {
  const host = Buffer.from(path)
  const stats = await statsAt(host)
  if (stats?.isDirectory() === true)
    return await entriesIn({ host, names: [], above: [stats] }, signal)
  // A missing one is told of when it is read.
  return [{ host, names: [basename(path)], isDirectory: false }]
}

interface SourceDirectory {
  readonly host: Buffer
  readonly names: readonly string[]
  /** Of the directory itself and those it is in. */
  readonly above: readonly Stats[]
}

async function entriesIn(directory: SourceDirectory, signal: AbortSignal): Promise<SourceEntry[]> {
  const { host, names, above } = directory
  const files: SourceEntry[] = []
  const directories: SourceDirectory[] = []
  const found = await readdir(host, { encoding: 'buffer' })
  for (const name of found.sort(compareBytes)) {
    checkInterrupted(signal)
    const entry = { host: Buffer.concat([host, SLASH, name]), names: [...names, decoded(name)] }
    const stats = await statsAt(entry.host)
    if (stats?.isDirectory() !== true) files.push({ ...entry, isDirectory: false })
    else directories.push({ ...entry, above: [...above, stats] })
    checkNoLoop(entry.host, stats, above)
  }
  const entries: SourceEntry[] = [
    ...directories.map((one) => ({ host: one.host, names: one.names, isDirectory: true })),
    ...files,
  ]
  for (const one of directories) entries.push(...(await entriesIn(one, signal)))
  return entries
}

const SLASH = Buffer.from('/')

/** The original would follow such a link until the path is too long for the host. */
function checkNoLoop(host: Buffer, stats: Stats | undefined, above: readonly Stats[]): void {
  if (!above.some(({ dev, ino }) => dev === stats?.dev && ino === stats?.ino)) return
  throw new Failure(
    'USAGE',
    `the link '${host.toString()}' leads back to a directory that it is in, so that the tree has no end. Remove it.`,
  )
}

function decoded(name: Buffer): string {
  const text = decodeUtf8(name)
  if (text !== undefined) return text
  throw new Failure(
    'USAGE',
    `the name '${name.toString('latin1')}' is not UTF-8, so that it has no characters to encode. Rename it.`,
  )
}
