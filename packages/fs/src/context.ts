/** What every call of a mount stands on. */

import { isErrno, type Op } from '@caravan/core'
import type { EntryInfo, FsChanges, FsEngine } from './engine.js'
import { type CallName, fail } from './errors.js'
import { HandleTable } from './handle.js'
import { type ParsePath, type Path, plainPath } from './path.js'

export class FsContext {
  readonly handles = new HandleTable()

  constructor(
    readonly engine: FsEngine,
    readonly parse: ParsePath,
    /** Milliseconds since 1970. */
    readonly now: () => number,
    /** From 0 to 1, for the names of `mkdtemp`. */
    readonly random: () => number,
    /** What `chmod` and `chown` do. */
    readonly permissions: 'refuse' | 'ignore',
  ) {}

  /** @throws FsError `EROFS`. */
  changes(call: CallName): FsChanges {
    if (this.engine.changes === undefined) throw fail('EROFS', call, 'it was mounted read-only')
    return this.engine.changes
  }

  /** Makes sure that what `..` and `.` lead through are directories. */
  *enter(path: Path, call: CallName): Op<void> {
    for (const names of path.through) {
      const info = yield* this.engine.lookUp(plainPath(names, path.text))
      if (info.type !== 'directory') throw fail('ENOTDIR', call)
    }
  }

  *lookUp(path: Path, call: CallName): Op<EntryInfo> {
    if (path.through.length > 0) yield* this.enter(path, call)
    return yield* this.engine.lookUp(path)
  }

  /** `undefined` where it is missing, or its directory is. */
  *find(path: Path, call: CallName): Op<EntryInfo | undefined> {
    try {
      return yield* this.lookUp(path, call)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
  }

  /** The directory that a path's last name is in. @throws FsError `ENOENT`, `ENOTDIR`. */
  *checkParent(path: Path, call: CallName): Op<void> {
    yield* this.enter(path, call)
    const parent = yield* this.engine.lookUp(plainPath(path.names.slice(0, -1), path.text))
    if (parent.type !== 'directory') throw fail('ENOTDIR', call)
  }
}
