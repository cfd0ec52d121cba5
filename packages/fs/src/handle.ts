/** Open files and directories of one mount, by their descriptors. */

import { isErrno } from '@caravan/core'
import type { EngineFile, EntryInfo } from './engine.js'
import { fail } from './errors.js'
import type { OpenFlags } from './flags.js'
import type { Path } from './path.js'

/** One open of a file or directory: where it stands, and what it may do. */
export class Handle {
  /** Where the next read or write without a position begins. */
  position = 0
  isOpen = true
  /** Changes through it that have not ended: see `CallOrder`. */
  pendingChanges = 0
  /** True once it has changed the file. */
  hasWritten = false
  /** True once a write of this handle failed: whoever made it was told. */
  wasToldOfFailure = false

  constructor(
    readonly fd: number,
    readonly path: Path,
    readonly flags: OpenFlags,
    /** `undefined` for a directory. */
    readonly file: EngineFile | undefined,
    /** What a directory was when it was opened. */
    readonly directory: EntryInfo | undefined,
  ) {}

  /** @throws FsError `EBADF` for one that was closed or not opened for it, `EISDIR`. */
  forReading(): EngineFile {
    if (!this.isOpen || !this.flags.read) throw fail('EBADF', { syscall: 'read' })
    if (this.file === undefined) throw fail('EISDIR', { syscall: 'read' })
    return this.file
  }

  forWriting(syscall: string): EngineFile {
    if (!this.isOpen) throw fail('EBADF', { syscall })
    if (!this.flags.write || this.file === undefined) {
      throw fail(syscall === 'ftruncate' ? 'EINVAL' : 'EBADF', { syscall })
    }
    return this.file
  }

  checkOpen(syscall: string): void {
    if (!this.isOpen) throw fail('EBADF', { syscall })
  }

  /** True for the failure of a close that tells what a failed write of this handle has told. */
  isOldNews(error: unknown): boolean {
    return this.wasToldOfFailure && isErrno(error, 'EIO')
  }
}

/** Descriptors count on and on: one that was closed is never another file. */
const FIRST_DESCRIPTOR = 3

export class HandleTable {
  private readonly handles = new Map<number, Handle>()
  private nextDescriptor = FIRST_DESCRIPTOR

  get size(): number {
    return this.handles.size
  }

  all(): Handle[] {
    return [...this.handles.values()]
  }

  add(make: (fd: number) => Handle): Handle {
    const handle = make(this.nextDescriptor++)
    this.handles.set(handle.fd, handle)
    return handle
  }

  /** @throws FsError `EBADF`. */
  get(fd: number, syscall: string): Handle {
    const handle = this.handles.get(fd)
    if (handle === undefined) throw fail('EBADF', { syscall })
    return handle
  }

  remove(handle: Handle): void {
    handle.isOpen = false
    this.handles.delete(handle.fd)
  }
}
