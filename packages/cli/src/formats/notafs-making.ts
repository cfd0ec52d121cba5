/** How the command makes a notafs, and puts trees into one: each as one transaction. */

import { type BlockDevice, type Errno, FsError, isKeyValueError, Timestamp } from '@caravan/core'
import { type FormatOptions, NotaFS, planPages, type Transaction } from '@caravan/notafs'
import { Option } from 'commander'
import { asSize } from '../arguments.js'
import { BLOCK_COUNT_OPTION, blockCountOf, SIZE_OPTION } from '../geometry.js'
import { harmlessName } from '../names.js'
import type { Holdings, Making, NewEntry, NewImage, NewImagePlan } from './format.js'

export const NOTAFS_HOLDS: Holdings = { symlinks: false, modes: false, attributes: false }

interface NotafsMakingOptions {
  readonly size?: number
  readonly blockCount?: number
  readonly pageSize?: number
  readonly checksum?: FormatOptions['checksum']
}

const PAGE_BYTES_DEFAULT = 4096

export const notafsMaking: Making = {
  options: [
    SIZE_OPTION,
    BLOCK_COUNT_OPTION,
    new Option('--page-size <bytes>', `size of a page (default: ${PAGE_BYTES_DEFAULT})`).argParser(
      asSize,
    ),
    new Option('--checksum <name>', 'how pages are checked (default: ADLER-32)').choices([
      'ADLER-32',
      'NO-CHECK',
    ]),
  ],
  holds: NOTAFS_HOLDS,
  plan: (options) => new NewNotafs(options as NotafsMakingOptions),
}

class NewNotafs implements NewImage {
  readonly title = 'notafs'
  readonly blockSize: number
  readonly blockCount: number | undefined
  private readonly checksum: NonNullable<FormatOptions['checksum']>

  constructor(options: NotafsMakingOptions) {
    this.blockSize = options.pageSize ?? PAGE_BYTES_DEFAULT
    this.blockCount = blockCountOf(options, this.blockSize)
    this.checksum = options.checksum ?? 'ADLER-32'
  }

  async measure(entries: readonly NewEntry[]): Promise<NewImagePlan> {
    const paths = new Map<readonly string[], string>()
    const planned = entries
      .filter((entry) => entry.type !== 'symlink' && namesOf(entry.path).length > 0)
      .map((entry) => {
        const names = namesOf(entry.path)
        paths.set(names, harmlessName(entry.path))
        return { names, size: entry.type === 'directory' ? undefined : entry.size }
      })
    const { checksum, blockSize: pageSize } = this
    const { problems, pagesNeeded } = planPages(planned, { pageSize, checksum })
    const files = entries.filter(({ type }) => type === 'file')
    return {
      problems: problems.map(({ entry, message }) => ({
        path: paths.get(entry.names) ?? '',
        message,
      })),
      blocksNeeded: pagesNeeded,
      missingBlocks: this.blockCount === undefined ? 0 : Math.max(0, pagesNeeded - this.blockCount),
      largest: files
        .map(({ path, size }) => ({ path: harmlessName(path), size }))
        .sort((a, b) => b.size - a.size),
    }
  }

  async makeOn(
    device: BlockDevice,
    pageCount: number,
    entries: Iterable<NewEntry> | AsyncIterable<NewEntry>,
  ): Promise<void> {
    const { checksum, blockSize: pageSize } = this
    await NotaFS.format(device, { pageSize, pageCount, checksum })
    // What has no time of its own gets 1970, so that the same tree gives the same bytes.
    const fs = await NotaFS.mount(device, { now: () => 0 })
    await addToNotafs(fs, entries)
    await fs.unmount()
  }
}

const SLASH = 0x2f

function namesOf(path: Uint8Array): string[] {
  const names: string[] = []
  let name = ''
  for (const byte of [...path, SLASH]) {
    if (byte !== SLASH) name += String.fromCharCode(byte)
    else if (name !== '') {
      names.push(name)
      name = ''
    }
  }
  return names
}

/**
 * Adds entries: all of them, or none.
 *
 * @throws FsError with the path that it is about.
 */
export function addToNotafs(
  fs: NotaFS,
  entries: Iterable<NewEntry> | AsyncIterable<NewEntry>,
): Promise<void> {
  return fs.transaction(async (tx) => {
    const directories: NewEntry[] = []
    for await (const entry of entries) {
      try {
        await add(tx, entry)
      } catch (error) {
        throw asFsError(error, harmlessName(entry.path))
      }
      if (entry.type === 'directory') directories.push(entry)
    }
    // What is put into a directory gives it another time.
    for (const entry of directories) await setTime(tx, entry)
  })
}

async function add(tx: Transaction, entry: NewEntry): Promise<void> {
  const { path, type, content } = entry
  if (namesOf(path).length === 0) return
  if (type === 'directory') await tx.makeDirectory(path)
  else {
    await tx.set(path, new Uint8Array(0))
    for await (const piece of content ?? []) await tx.append(path, piece)
  }
  await setTime(tx, entry)
}

async function setTime(tx: Transaction, { path, mtime }: NewEntry): Promise<void> {
  if (mtime === undefined || namesOf(path).length === 0) return
  await tx.setModified(path, Timestamp.fromMs(Math.round(mtime * 1000)))
}

const CODES: Readonly<Record<string, Errno>> = {
  ValueExpected: 'EISDIR',
  DictionaryExpected: 'ENOTDIR',
  NoSpace: 'ENOSPC',
  BadKey: 'ENAMETOOLONG',
  ValueTooLarge: 'EFBIG',
}

function asFsError(error: unknown, path: string): unknown {
  if (!isKeyValueError(error)) return error
  const code = CODES[error.code]
  return code === undefined ? error : new FsError(code, { path, cause: error })
}
