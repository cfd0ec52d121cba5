/**
 * Making an image: of a repository on this computer, of one elsewhere, or of a plain directory.
 *
 * 1. Git does it: it fetches what is not here, and packs. What is put around its PACK and IDX is the
 *    header and the padding of the original.
 * 2. All work is in a folder of its own, which is gone afterwards, whatever happened.
 * 3. With one thread and settings of our own, the same objects are the same PACK.
 */

import { createReadStream } from 'node:fs'
import { mkdtemp, open, rename, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { assert, MisuseError } from '@caravan/core'
import {
  BLOCK_SIZE_DEFAULT,
  encodeHeader,
  packOffsetOf,
  paddingBehind,
} from '../format/image-header.js'
import { hexToId, type IdSize } from '../format/object-id.js'
import { decodePackHeader, PACK_HEADER_BYTES } from '../format/pack-header.js'
import { commitDirectory } from './directory-source.js'
import { Git, type GitOptions, MakeError } from './git.js'
import { findSource, type Source } from './source.js'

export interface MakeOptions extends GitOptions {
  /**
   * What is packed: branches, tags, commits. The image shows the first. Default `HEAD` (of a remote
   * the branch that it shows). Not for plain directories.
   */
  readonly refs?: readonly string[]
  /** Everything that the refs reach, instead of one commit's tree. Default false. */
  readonly history?: boolean
  /** Of the commit of a plain directory, which needs one. */
  readonly date?: MakeDate
  /** Of the padding, in bytes. Default 512. Docteur's own reader takes multiples of 512 alone. */
  readonly blockSize?: number
  /** How many objects git tries as a base, and how long its chains of deltas may be. */
  readonly window?: number
  readonly depth?: number
  /** Of a plain directory: links are what they lead to, as the original has it. Default false. */
  readonly follow?: boolean
  /** Told of what is left out of a plain directory. */
  readonly onLeftOut?: (path: string, reason: string) => void
}

/** A moment, with the zone that it is told in. */
export interface MakeDate {
  /** Seconds since 1970. */
  readonly seconds: number
  /** `+0200`. Default `+0000`. */
  readonly zone?: string
}

/** An image that is ready to be written somewhere. */
export interface ReadyImage {
  readonly sizeBytes: number
  /** In hexadecimal. */
  readonly commitId: string
  readonly objectCount: number
  readonly packBytes: number
  /** The bytes, in order. */
  pieces(): AsyncGenerator<Uint8Array, void, void>
}

/**
 * Makes an image and hands it over; afterwards nothing of it is left but what was done with it.
 *
 * @throws MakeError where git or the source is in the way; MisuseError for options that cannot be;
 *   Node's errors; what `use` throws.
 */
export async function withGitImage<T>(
  source: string,
  options: MakeOptions,
  use: (image: ReadyImage) => Promise<T>,
): Promise<T> {
  checkOptions(options)
  const found = findSource(source)
  if (found.kind === 'directory' && (options.refs !== undefined || options.history === true)) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `${source} is a plain directory: it has no branches and no history. Leave refs and history out.`,
    )
  }
  if (found.kind !== 'directory' && options.follow === true) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `${source} is a repository: its links are what git has of them. Leave follow out.`,
    )
  }
  const folder = await mkdtemp(join(tmpdir(), 'caravan-git-'))
  try {
    return await use(await readyImage(found, folder, options))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/**
 * Makes an image as a file: there whole or not at all. A file that is there is replaced.
 *
 * @throws as {@link withGitImage}.
 */
export async function makeImage(
  source: string,
  path: string,
  options: MakeOptions = {},
): Promise<Pick<ReadyImage, 'sizeBytes' | 'commitId' | 'objectCount'>> {
  return withGitImage(source, options, async (image) => {
    const temporary = `${path}.${process.pid}.part`
    try {
      const file = await open(temporary, 'wx')
      try {
        for await (const piece of image.pieces()) {
          for (let done = 0; done < piece.length; ) {
            done += (await file.write(piece, done)).bytesWritten
          }
        }
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, path)
    } catch (error) {
      await rm(temporary, { force: true })
      throw error
    }
    const { sizeBytes, commitId, objectCount } = image
    return { sizeBytes, commitId, objectCount }
  })
}

function checkOptions({ blockSize, window, depth, date }: MakeOptions): void {
  for (const [name, value, lowest] of [
    ['blockSize', blockSize, 1],
    ['window', window, 0],
    ['depth', depth, 0],
  ] as const) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= lowest)) {
      throw new MisuseError(
        'INVALID_ARGUMENT',
        `${name} is ${value}: give a whole number of ${lowest} or more.`,
      )
    }
  }
  if (date === undefined) return
  if (!Number.isSafeInteger(date.seconds) || !/^[+-]\d{4}$/.test(date.zone ?? '+0000')) {
    throw new MisuseError(
      'INVALID_ARGUMENT',
      `A date is whole seconds since 1970 and a zone like +0200, not ${date.seconds} ${date.zone}.`,
    )
  }
}

interface Packed {
  readonly pack: string
  readonly index: string
  readonly commitId: string
}

async function readyImage(
  source: Source,
  folder: string,
  options: MakeOptions,
): Promise<ReadyImage> {
  const { pack, index, commitId } = await packSource(source, folder, options)
  const { blockSize = BLOCK_SIZE_DEFAULT } = options
  const idSize: IdSize = commitId.length === 64 ? 32 : 20
  const commit = hexToId(commitId, idSize)
  assert(commit !== undefined, 'git tells ids in hexadecimal')
  const packBytes = (await stat(pack)).size
  const indexBytes = (await stat(index)).size
  const packEnd = packOffsetOf(idSize) + packBytes
  const packPadding = paddingBehind(packEnd, blockSize)
  const indexOffset = packEnd + packPadding
  const indexPadding = paddingBehind(indexOffset + indexBytes, blockSize)
  return {
    sizeBytes: indexOffset + indexBytes + indexPadding,
    commitId,
    packBytes,
    objectCount: await objectCountOf(pack),
    async *pieces() {
      yield encodeHeader({ commit, indexOffset, idSize })
      yield* createReadStream(pack)
      yield new Uint8Array(packPadding)
      yield* createReadStream(index)
      yield new Uint8Array(indexPadding)
    },
  }
}

async function objectCountOf(pack: string): Promise<number> {
  const file = await open(pack)
  try {
    const head = new Uint8Array(PACK_HEADER_BYTES)
    await file.read(head, 0, head.length, 0)
    return decodePackHeader(head)
  } finally {
    await file.close()
  }
}

async function packSource(source: Source, folder: string, options: MakeOptions): Promise<Packed> {
  const repository = join(folder, 'repository')
  switch (source.kind) {
    case 'repository': {
      const git = new Git(options)
      const inRepository = ['--git-dir', source.gitFolder]
      const refs = await resolveRefs(git, inRepository, options.refs ?? ['HEAD'])
      return packRefs(git, inRepository, refs, folder, options)
    }
    case 'remote': {
      const git = new Git(options)
      const inRepository = ['--git-dir', repository]
      const refs = await fetchRefs(git, inRepository, source.url, options)
      return packRefs(git, inRepository, refs, folder, options)
    }
    case 'directory': {
      const git = new Git(options, true)
      await git.run(['init', '--quiet', '--bare', repository])
      const { date } = options
      if (date === undefined) {
        throw new MisuseError(
          'INVALID_ARGUMENT',
          'The commit of a plain directory needs a date: the same date makes the same image.',
        )
      }
      const { seconds, zone = '+0000' } = date
      const commit = await commitDirectory(git, repository, source.path, {
        seconds,
        zone,
        follow: options.follow ?? false,
        onLeftOut: options.onLeftOut ?? (() => {}),
      })
      return packRefs(git, ['--git-dir', repository], [commit], folder, options)
    }
  }
}

/** The commits that refs name. */
async function resolveRefs(
  git: Git,
  inRepository: readonly string[],
  refs: readonly string[],
): Promise<string[]> {
  const ids: string[] = []
  for (const ref of refs) {
    const name = `${ref}^{commit}`
    const args = [...inRepository, 'rev-parse', '--verify', '--quiet', '--end-of-options', name]
    try {
      ids.push(await git.line(args))
    } catch (error) {
      if (!(error instanceof MakeError) || error.code !== 'GIT_FAILED') throw error
      // What git says of the repository itself comes before what it says of the ref.
      await git.run([...inRepository, 'rev-parse', '--git-dir'])
      throw new MakeError(
        'NO_SOURCE',
        `the repository has no commit '${ref}'. Name a branch, a tag or a commit with -b.`,
        { cause: error },
      )
    }
  }
  return ids
}

/** Fetches into a new repository: one commit deep, or all. */
async function fetchRefs(
  git: Git,
  inRepository: readonly string[],
  url: string,
  options: MakeOptions,
): Promise<string[]> {
  const { history = false } = options
  const refs = options.refs ?? [await defaultRef(git, url)]
  const depth = history ? [] : ['--depth=1']
  const specs = refs.map((ref, i) => `${ref}:refs/caravan/${i}`)
  const fetchAs = async (format: string) => {
    const [, repository = ''] = inRepository
    await git.run(['init', '--quiet', '--bare', `--object-format=${format}`, repository])
    const settings = ['-c', 'fetch.unpackLimit=1', '-c', 'gc.auto=0']
    const args = [
      'fetch',
      '--progress',
      '--no-tags',
      '--no-write-fetch-head',
      ...depth,
      '--',
      url,
      ...specs,
    ]
    await git.run([...inRepository, ...settings, ...args])
  }
  try {
    await fetchAs('sha1')
  } catch (error) {
    const isOtherHash = error instanceof MakeError && /object.format|algorithm/i.test(error.message)
    if (!isOtherHash) throw error
    await rm(inRepository[1] as string, { recursive: true, force: true })
    await fetchAs('sha256')
  }
  return resolveRefs(
    git,
    inRepository,
    refs.map((_, i) => `refs/caravan/${i}`),
  )
}

/** What a remote shows by itself; of one without a HEAD (a bundle) its only branch, or the main one. */
async function defaultRef(git: Git, url: string): Promise<string> {
  const listed = (await git.line(['ls-remote', '--', url]))
    .split('\n')
    .filter((line) => line !== '')
  const names = listed.map((line) => line.split('\t')[1] as string)
  if (names.includes('HEAD')) return 'HEAD'
  const branches = names.filter((name) => name.startsWith('refs/heads/'))
  const [only, ...others] = branches
  if (only !== undefined && others.length === 0) return only
  const main = ['refs/heads/main', 'refs/heads/master'].find((name) => branches.includes(name))
  if (main !== undefined) return main
  throw new MakeError(
    'NO_SOURCE',
    `${url} shows no branch by itself. Name one with -b: ${branches.join(', ')}.`,
  )
}

async function packRefs(
  git: Git,
  inRepository: readonly string[],
  refs: readonly string[],
  folder: string,
  { history = false, window, depth }: MakeOptions,
): Promise<Packed> {
  const [commitId] = refs
  if (commitId === undefined)
    throw new MisuseError('INVALID_ARGUMENT', 'refs names no branch, tag or commit.')
  const reached = history ? refs : ['--no-walk', commitId]
  const settings = ['-c', 'pack.packSizeLimit=0', '-c', 'pack.writeReverseIndex=false']
  const output = await git.pipe(
    [...inRepository, 'rev-list', '--objects', ...reached, '--'],
    [
      ...inRepository,
      ...settings,
      'pack-objects',
      '--progress',
      '--threads=1',
      '--delta-base-offset',
      '--index-version=2',
      ...(window === undefined ? [] : [`--window=${window}`]),
      ...(depth === undefined ? [] : [`--depth=${depth}`]),
      join(folder, 'pack'),
    ],
  )
  const name = output.toString().trim()
  return {
    commitId,
    pack: join(folder, `pack-${name}.pack`),
    index: join(folder, `pack-${name}.idx`),
  }
}
