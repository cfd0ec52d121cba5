/** A tree that is laid beside another one: of an image, or of a directory of this computer. */

import type { Context } from './context.js'
import { walkEntries } from './entries.js'
import { checkInterrupted } from './errors.js'
import type { Holdings, MountedImage, TreeEntry } from './formats/format.js'
import { type HostEntry, type HostProblem, scanDirectory } from './host-tree.js'
import type { PathRules } from './path-rules.js'

export interface ComparedEntry extends TreeEntry {
  /** Where it comes from on this computer. */
  readonly host?: HostEntry
  /** Of a file; can be gone through again. */
  content(): AsyncIterable<Uint8Array>
}

export interface ComparedTree {
  /** As it was given. */
  readonly name: string
  /**
   * Times are whole seconds, those of directories say when something in them came or went, and of
   * permissions only that of its owner to run a file is the file's own.
   */
  readonly isHost: boolean
  readonly holds: Holdings
  /** By {@link pathKey}, without the root. */
  readonly entries: ReadonlyMap<string, ComparedEntry>
  /** The root itself, which has attributes too. */
  readonly root: ComparedEntry | undefined
  /** What is there and cannot be compared. */
  readonly problems: readonly HostProblem[]
}

/** One text for one path, whatever its bytes. */
export function pathKey(path: Uint8Array): string {
  return Buffer.from(path).toString('latin1')
}

/** @throws FsError, FormatError where its root cannot be read; Interrupted. */
export async function comparedImage(
  { signal }: Context,
  name: string,
  { tree, holds }: Pick<MountedImage, 'tree' | 'holds'>,
  ignored?: PathRules,
): Promise<ComparedTree> {
  const entries = new Map<string, ComparedEntry>()
  let root: ComparedEntry | undefined
  for await (const { walked, depth, error, ...entry } of walkEntries(tree, ROOT)) {
    checkInterrupted(signal)
    const compared = { ...entry, error, content: () => tree.read(walked) }
    if (depth === 0) root = compared
    else if (ignored?.match(entry.path, entry.type === 'directory') !== true) {
      entries.set(pathKey(entry.path), compared)
    }
  }
  return { name, isHost: false, holds, entries, root, problems: [] }
}

interface HostSideOptions {
  readonly ignored?: PathRules | undefined
}

/** @throws as {@link scanDirectory}. */
export async function comparedDirectory(
  { signal }: Context,
  name: string,
  { ignored }: HostSideOptions = {},
): Promise<ComparedTree> {
  const holds = { symlinks: true, modes: true, attributes: false }
  const { entries: found, problems } = await scanDirectory(Buffer.from(name), ROOT, {
    format: { name: 'an image', holds },
    time: 'file',
    ignored,
    signal,
  })
  const entries = new Map(found.map((host) => [pathKey(host.path), comparedHostEntry(host)]))
  return { name, isHost: true, holds, entries, root: undefined, problems }
}

/** An entry of this computer as what it would be in an image. */
export function comparedHostEntry(host: HostEntry): ComparedEntry {
  const { path, type, size, mode, mtime, target } = host
  return {
    path,
    type,
    size: type === 'file' ? size : 0,
    mode,
    target,
    modified: mtime === undefined ? undefined : new Date(mtime * 1000),
    host,
    content: () => piecesOf(host),
  }
}

async function* piecesOf({ content = [] }: HostEntry): AsyncGenerator<Uint8Array, void, void> {
  yield* content
}

const ROOT = Uint8Array.of(0x2f)
