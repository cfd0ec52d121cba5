/** What the mounted commit needs, checked: every tree and blob there, names usable, modes known. */

import { byteStringToText, FormatError, type Op } from '@caravan/core'
import type { Commit } from './format/commit.js'
import { decodeCommit } from './format/commit.js'
import { hexToId, idToHex } from './format/object-id.js'
import type { ObjectKind } from './format/pack-entry.js'
import { compareTreeEntries, decodeTree, KNOWN_MODES, TreeEntry } from './format/tree-object.js'
import type { Image } from './image.js'
import type { Findings } from './verify.js'

interface PendingTree {
  readonly id: Uint8Array
  readonly path: string
}

/** Names that git itself refuses: a checkout would write into its own folder. */
const GIT_FOLDER = /^(\.git|git~1)[. ]*$/i
/** Characters that HFS+ leaves out when it compares names. */
const IGNORED_ON_HFS = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

/** True where a name is `.git` to some filesystem. */
function isGitFolder(name: string): boolean {
  const text = byteStringToText(name)
  return GIT_FOLDER.test(text.replace(IGNORED_ON_HFS, '')) || /^\.git:/i.test(text)
}

/** The trees of the commit, and of those of its history that the image holds. */
export function* checkContents(image: Image, commit: Commit, findings: Findings): Op<void> {
  const checker = new Checker(image, findings)
  const seen = new Set<string>()
  const pending: Commit[] = [commit]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    yield* checker.checkTrees(hexToId(next.tree, image.header.idSize), next.tree)
    for (const parent of next.parents) {
      if (seen.has(parent)) continue
      seen.add(parent)
      const id = hexToId(parent, image.header.idSize)
      // A history that is cut off below is whole.
      const offset = id && (yield* image.objects.find(id))
      if (offset === undefined) continue
      const { kind, bytes } = yield* image.pack.readObject(offset)
      if (kind === 'commit') pending.push(decodeCommit(bytes, parent))
      else findings.add('WRONG_KIND', `The parent ${parent} of a commit is a ${kind}.`)
    }
  }
}

class Checker {
  private readonly seen = new Set<string>()

  constructor(
    private readonly image: Image,
    private readonly findings: Findings,
  ) {}

  *checkTrees(root: Uint8Array | undefined, hex: string): Op<void> {
    if (root === undefined) {
      this.findings.add(
        'BAD_COMMIT',
        `A commit names the tree ${hex}, which is no id of this image.`,
      )
      return
    }
    const pending: PendingTree[] = [{ id: root, path: '' }]
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      const id = idToHex(next.id)
      if (this.seen.has(id)) continue
      this.seen.add(id)
      yield* this.checkTree(next, id, pending)
    }
  }

  private *checkTree({ id, path }: PendingTree, hex: string, pending: PendingTree[]): Op<void> {
    const offset = yield* this.offsetOf(id, 'tree', path === '' ? '/' : path)
    if (offset === undefined) return
    let entries: readonly TreeEntry[]
    try {
      const { bytes } = yield* this.image.pack.readObject(offset)
      entries = decodeTree(bytes, this.image.header.idSize, hex, TreeEntry)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      this.findings.addError(error, path)
      return
    }
    const names = new Set<string>()
    for (const [i, entry] of entries.entries()) {
      const below = `${path}/${byteStringToText(entry.name)}`
      this.checkName(entry.name, below)
      this.checkMode(entry, below)
      if (names.has(entry.name)) {
        this.findings.add('DUPLICATE_NAME', `'${below}' stands twice in its tree.`, below)
      } else if (i > 0 && compareTreeEntries(entries[i - 1] as TreeEntry, entry) > 0) {
        this.findings.add(
          'UNSORTED_TREE',
          `'${below}' stands behind a name that it should stand before: git will not find it.`,
          below,
        )
      }
      names.add(entry.name)
      if (entry.type === 'directory') pending.push({ id: entry.id, path: below })
      else if (entry.type === 'file' || entry.type === 'symlink') {
        yield* this.offsetOf(entry.id, 'blob', below)
      }
    }
  }

  private checkName(name: string, path: string): void {
    if (name === '' || name === '.' || name === '..' || name.includes('/')) {
      this.findings.add(
        'BAD_NAME',
        `'${path}': no path leads to a name like '${byteStringToText(name)}'.`,
        path,
      )
    } else if (isGitFolder(name)) {
      this.findings.notice(
        'GIT_NAME',
        `'${path}' is git's own folder to some filesystem: git refuses to check it out, and so does \`caravan extract\`.`,
        path,
      )
    }
  }

  private checkMode({ mode, type }: TreeEntry, path: string): void {
    const shown = mode.toString(8).padStart(6, '0')
    if (type === 'unknown') {
      this.findings.add(
        'BAD_MODE',
        `'${path}' has the mode ${shown}, which is of no kind that git has.`,
        path,
      )
    } else if (!KNOWN_MODES.includes(mode)) {
      this.findings.notice(
        'ODD_MODE',
        `'${path}' has the mode ${shown}, which git does not write.`,
        path,
      )
    }
  }

  /** Where an object is; what it is not is a finding. */
  private *offsetOf(id: Uint8Array, kind: ObjectKind, path: string): Op<number | undefined> {
    const offset = yield* this.image.objects.find(id)
    if (offset === undefined) {
      this.findings.add(
        'MISSING_OBJECT',
        `'${path}': the ${kind} ${idToHex(id)} is not in the PACK.`,
        path,
      )
      return undefined
    }
    const { kind: actual } = yield* this.image.pack.measure(offset)
    if (actual === kind) return offset
    this.findings.add(
      'WRONG_KIND',
      `'${path}': ${idToHex(id)} is a ${actual}, where a ${kind} must be.`,
      path,
    )
    return undefined
  }
}
