/**
 * Names that a computer, or git on it, takes for `.git`: a file of such a name, written by whoever
 * made an image, would be obeyed as a repository's configuration by the next `git` that is run there.
 *
 * As git refuses them on checkout (path.c, `is_ntfs_dotgit`; utf8.c, `is_hfs_dotgit`): in any case,
 * with the code points that HFS+ leaves out, as NTFS shortens them, with the dots and spaces that
 * Windows drops, and with the name of a stream behind.
 */

import { decodeUtf8 } from './names.js'

/** What HFS+ leaves out when it compares names. */
const IGNORED_ON_HFS = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

/** Nothing, or what Windows drops, or a stream. */
const DROPPED = String.raw`[. ]*($|[:\\/])`
const GIT = new RegExp(`^(\\.git|git~1)${DROPPED}`, 'i')
const GITMODULES = new RegExp(`^(\\.gitmodules|gitmod~[1-4]|gi7eb[0-9a-f~]*)${DROPPED}`, 'i')

/** Why git would not check out this name; `undefined` where it would. */
export function gitNameProblem(name: Uint8Array, isLink: boolean): string | undefined {
  const text = decodeUtf8(name)?.replace(IGNORED_ON_HFS, '')
  if (text === undefined) return undefined
  if (GIT.test(text)) return "the name means '.git', which git itself never holds"
  if (isLink && GITMODULES.test(text)) {
    return "the name means '.gitmodules', which git never takes as a link"
  }
  return undefined
}
