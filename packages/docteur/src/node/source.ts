/** What an image is made of: a repository here, one elsewhere, or a plain directory. */

import { lstatSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MakeError } from './git.js'

export type Source =
  | { readonly kind: 'repository'; readonly gitFolder: string }
  | { readonly kind: 'remote'; readonly url: string }
  | { readonly kind: 'directory'; readonly path: string }

/** `ssh://host/path` and its like, of the kinds that git talks to by itself. */
const URL_OF_GIT = /^(https?|ssh|git|git\+ssh|ssh\+git):\/\//i
/** `git@host:path`, but no drive of Windows. */
const SCP_LIKE = /^[^/\\:\s-][^/\\:\s]+:(?!\/\/)/

/**
 * Tells what a source is.
 *
 * @param text a path, an address that git understands, `file://PATH`, or `relativize://PATH` as the
 *   original takes it.
 * @throws MakeError `NO_SOURCE`.
 */
export function findSource(text: string): Source {
  if (URL_OF_GIT.test(text)) return { kind: 'remote', url: text }
  const path = localPath(text)
  const stats = statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) {
    if (SCP_LIKE.test(text)) return { kind: 'remote', url: text }
    throw new MakeError(
      'NO_SOURCE',
      `there is nothing at ${path} on this computer. Give a directory, a repository, or an address that git understands.`,
    )
  }
  // A bundle is a repository in one file: git fetches from it.
  if (stats.isFile()) return { kind: 'remote', url: resolve(path) }
  if (!stats.isDirectory()) {
    throw new MakeError(
      'NO_SOURCE',
      `${path} is neither a directory nor a file. Give a directory, or a repository.`,
    )
  }
  const gitFolder = gitFolderOf(path)
  if (gitFolder === undefined) return { kind: 'directory', path }
  return { kind: 'repository', gitFolder }
}

function localPath(text: string): string {
  const relative = /^relativize:\/\/(.*)$/s.exec(text)?.[1]
  if (relative !== undefined) return relative
  if (!/^file:\/\//i.test(text)) return text
  try {
    return fileURLToPath(text)
  } catch (error) {
    throw new MakeError(
      'NO_SOURCE',
      `${text} is no address of a file on this computer: write file:///PATH.`,
      {
        cause: error,
      },
    )
  }
}

/** Of a worktree its `.git`, folder or file; of a bare repository itself. */
function gitFolderOf(path: string): string | undefined {
  const own = join(path, '.git')
  if (lstatSync(own, { throwIfNoEntry: false }) !== undefined) return own
  const isThere = (name: string) =>
    statSync(join(path, name), { throwIfNoEntry: false })?.isDirectory() === true
  const hasHead = lstatSync(join(path, 'HEAD'), { throwIfNoEntry: false }) !== undefined
  return hasHead && isThere('objects') && isThere('refs') ? path : undefined
}
