/**
 * From entries of an image to files of this computer.
 *
 * 1. Nothing is written outside the target directory: a path is put together from names that
 *    hostNameProblem() let pass, one by one, and never from a path of the image.
 * 2. No link that stands in the target is followed: each directory below it is looked at (lstat)
 *    before anything is put into it. Links of the image are made when everything else is there, so
 *    that nothing is written through one of them, and lead where the image says.
 * 3. Two entries never become one file, also where this computer takes two names for one.
 * 4. Each file is whole or absent (host-files.ts).
 * 5. No name is written that means `.git`, where the format is git's own (git-names.ts).
 */

import { chmod, mkdir, stat, utimes } from 'node:fs/promises'
import type { Context } from './context.js'
import { UNREACHABLE_NAME, type WalkedEntry, walkEntries } from './entries.js'
import { checkInterrupted, HostError, isErrno } from './errors.js'
import type { ImageTree } from './formats/format.js'
import { gitNameProblem } from './git-names.js'
import { lookAt, makeHostLink, writeHostFile } from './host-files.js'
import { escapeHostName, hostNameProblem } from './host-names.js'
import { decodeLenient, harmlessName } from './names.js'
import { Progress } from './progress.js'
import { failOn } from './verb.js'

/** Where the entries come from. */
export interface ExtractedImage {
  /** For messages. */
  readonly name: string
  readonly tree: Pick<ImageTree, 'walk' | 'read'>
  /** True where no file in it can rightly be named `.git`. */
  readonly refusesGitNames?: boolean
}

interface ExtractEntriesOptions {
  readonly force: boolean
  /** Keep names that the host cannot hold in percent notation. */
  readonly escapeNames: boolean
  readonly showProgress: boolean
}

/** What was done. */
interface Extracted {
  readonly files: number
  /** Without the target itself. */
  readonly directories: number
  readonly links: number
  readonly sizeBytes: number
  /** Entries that are not there now, each reported, or below one that was. */
  readonly leftOut: number
}

/**
 * Writes the content of a directory of an image into a directory of this computer, or a file into
 * it. What fails is reported, and the rest goes on.
 *
 * @throws FsError where the path is not there; HostError and Node's errors where the target cannot
 *   be used; Interrupted.
 */
export async function extractEntries(
  context: Context,
  image: ExtractedImage,
  target: string,
  path: Uint8Array,
  options: ExtractEntriesOptions,
): Promise<Extracted> {
  const entries: WalkedEntry[] = []
  for await (const entry of walkEntries(image.tree, path)) {
    checkInterrupted(context.signal)
    entries.push(entry)
  }
  const extraction = new Extraction(context, image, options, entries)
  try {
    return await extraction.run(target)
  } finally {
    extraction.clearProgress()
  }
}

/** A directory of the walk, and where it is on this computer. */
interface Place {
  /** `undefined` where it was left out, and all in it. */
  readonly path: Buffer | undefined
}

class Extraction {
  private files = 0
  private directories = 0
  private links = 0
  private sizeBytes = 0
  private leftOut = 0
  /** Names written by this run, folded as the most forgetful of hosts would. */
  private readonly taken = new Set<string>()
  private readonly pendingLinks: (() => Promise<void>)[] = []
  /** Of directories that the format gives permissions. */
  private readonly pendingModes: [path: Buffer, mode: number][] = []
  /** Of directories that were made: what is put into them changes theirs. */
  private readonly pendingTimes: [path: Buffer, time: Date][] = []
  private readonly progress: Progress | undefined

  constructor(
    private readonly context: Context,
    private readonly image: ExtractedImage,
    private readonly options: ExtractEntriesOptions,
    private readonly entries: readonly WalkedEntry[],
  ) {
    if (options.showProgress) {
      const total = entries.reduce((sum, { size }) => sum + size + ENTRY_WEIGHT, 0)
      this.progress = new Progress(context.report.stream, total)
    }
  }

  clearProgress(): void {
    this.progress?.clear()
  }

  async run(target: string): Promise<Extracted> {
    const root: Place = { path: await prepareTarget(target) }
    const first = this.entries[0]
    if (first?.type !== 'directory') {
      for (const entry of this.entries) await this.place(entry, root)
    } else {
      const above: Place[] = [root]
      if (isDamaged(first)) await this.fail(first, first.error)
      for (const entry of this.entries.slice(1)) {
        above.length = entry.depth
        above.push(await this.place(entry, above[entry.depth - 1] as Place))
      }
    }
    for (const make of this.pendingLinks) await make()
    for (const [path, time] of this.pendingTimes) await utimes(path, time, time)
    // The deepest first: one that may not be written to takes no more after that.
    for (const [path, mode] of this.pendingModes.reverse()) await chmod(path, mode)
    const { files, directories, links, sizeBytes, leftOut } = this
    return { files, directories, links, sizeBytes, leftOut }
  }

  /** Puts one entry where it belongs; answers with its place, for what is in it. */
  private async place(entry: WalkedEntry, parent: Place): Promise<Place> {
    checkInterrupted(this.context.signal)
    this.progress?.advance(ENTRY_WEIGHT, harmlessName(entry.path))
    if (parent.path === undefined) {
      this.leftOut++
      return parent
    }
    try {
      const path = this.choosePath(entry, parent.path)
      await this.checkNotTaken(path)
      if (entry.type === 'directory') await this.placeDirectory(entry, path)
      else if (entry.type === 'submodule') await this.placeSubmodule(entry, path)
      else if (entry.target !== undefined) this.placeLinkLater(entry, entry.target, path)
      else await this.placeFile(entry, path)
      return { path }
    } catch (error) {
      await this.fail(entry, error)
      return { path: undefined }
    }
  }

  /** @throws HostError where this computer cannot hold the name. */
  private choosePath({ name, type }: WalkedEntry, parent: Buffer): Buffer {
    const isGits = this.image.refusesGitNames === true
    const problemOf = (bytes: Uint8Array) =>
      hostNameProblem(bytes) ?? (isGits ? gitNameProblem(bytes, type === 'symlink') : undefined)
    const isTaken = hostNameProblem(name) === undefined && problemOf(name) !== undefined
    const own = this.options.escapeNames ? escapeHostName(name, process.platform, isTaken) : name
    const problem = problemOf(own)
    if (problem !== undefined) {
      const advice = this.options.escapeNames
        ? 'It is left out; `caravan get` can write it under another name.'
        : 'It is left out; --escape-names keeps it in percent notation.'
      throw new HostError('EINVAL', `${problem}. ${advice}`)
    }
    return Buffer.concat([parent, SEPARATOR, own])
  }

  /** Where a file of this run stands already, the host takes both names for one. */
  private async checkNotTaken(path: Buffer): Promise<void> {
    const folded = decodeLenient(path).normalize('NFC').toLowerCase()
    if (this.taken.has(folded) && (await lookAt(path)) !== undefined) {
      throw new HostError(
        'EEXIST',
        'this computer takes its name for that of an entry that is already extracted. It is left out; `caravan get` can write it under another name.',
      )
    }
    this.taken.add(folded)
  }

  private async placeDirectory(entry: WalkedEntry, path: Buffer): Promise<void> {
    const kind = await lookAt(path)
    if (kind === 'link') {
      throw new HostError(
        'EEXIST',
        `${path.toString()} is a link, which is not followed. Remove it, or extract elsewhere.`,
      )
    }
    if (kind !== undefined && kind !== 'directory') {
      throw new HostError(
        'EEXIST',
        `${path.toString()} is in the way and is no directory. Remove it, or extract elsewhere.`,
      )
    }
    if (kind === undefined) {
      await mkdir(path)
      if (entry.modified !== undefined) this.pendingTimes.push([path, entry.modified])
    }
    if (entry.mode !== undefined) this.pendingModes.push([path, entry.mode & 0o777])
    this.directories++
    if (isDamaged(entry)) await this.tell(entry, entry.error)
  }

  private async placeFile(entry: WalkedEntry, path: Buffer): Promise<void> {
    if (isDamaged(entry)) throw entry.error
    const shown = harmlessName(entry.path)
    await writeHostFile(path, this.image.tree.read(entry.walked), {
      force: this.options.force,
      modified: entry.modified,
      mode: entry.mode === undefined ? undefined : entry.mode & 0o777,
      signal: this.context.signal,
      onPiece: (sizeBytes) => this.progress?.advance(sizeBytes, shown),
    })
    this.files++
    this.sizeBytes += entry.size
  }

  /** An empty directory, as git leaves one that is not asked for. */
  private async placeSubmodule(entry: WalkedEntry, path: Buffer): Promise<void> {
    await this.placeDirectory(entry, path)
    const shown = [this.image.name, harmlessName(entry.path)].join(': ')
    const commit = entry.id === undefined ? '' : `, commit ${entry.id}`
    this.progress?.clear()
    this.context.report.tell(`${shown}: a submodule${commit}: its directory is left empty.`)
  }

  private placeLinkLater(entry: WalkedEntry, target: Uint8Array, path: Buffer): void {
    this.pendingLinks.push(async () => {
      checkInterrupted(this.context.signal)
      try {
        const { force } = this.options
        await makeHostLink(path, target, { force, modified: entry.modified })
        this.links++
      } catch (error) {
        await this.fail(entry, error)
      }
    })
  }

  private async fail(entry: WalkedEntry, error: unknown): Promise<void> {
    await this.tell(entry, error)
    this.leftOut++
  }

  /** On standard error, above the line that shows the progress. */
  private async tell({ path }: WalkedEntry, error: unknown): Promise<void> {
    this.progress?.clear()
    if (error instanceof HostError || isErrno(error)) {
      this.context.report.fail([this.image.name, harmlessName(path)], error)
    } else await failOn(this.context, this.image.name, error, path)
  }
}

/** An entry that no path leads to can still be read: only its name is wrong. */
function isDamaged(
  entry: WalkedEntry,
): entry is WalkedEntry & { readonly error: NonNullable<WalkedEntry['error']> } {
  return entry.error !== undefined && entry.error.code !== UNREACHABLE_NAME
}

/** What making a file takes besides its content, in bytes that would take as long. */
const ENTRY_WEIGHT = 4096

const SEPARATOR = Buffer.from('/')

/** Makes the target directory; a link to one, given by the user, is theirs to give. */
async function prepareTarget(target: string): Promise<Buffer> {
  await mkdir(target, { recursive: true })
  if (!(await stat(target)).isDirectory()) {
    throw new HostError('ENOTDIR', `${target} is no directory. Choose another one.`)
  }
  return Buffer.from(target.replace(/(?<=.)[/\\]+$/, ''))
}
