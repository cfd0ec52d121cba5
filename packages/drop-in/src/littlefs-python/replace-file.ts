/** A file of this computer, written in place of what stands there. */

import { constants, type Stats } from 'node:fs'
import { open, realpath, stat } from 'node:fs/promises'
import { HostError, isErrno, writeHostFile } from '@caravan/cli/host'

/**
 * The file is there whole or as it was. A link stays, and what it leads to is replaced; a device or a
 * pipe takes the bytes.
 *
 * @throws HostError where a directory stands there; Interrupted; Node's errors; what `pieces` throws.
 */
export async function replaceFile(
  path: string,
  pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const there = await statsAt(path)
  if (there?.isDirectory() === true) {
    throw new HostError('EISDIR', `'${path}' is a directory, and a file was to be written there.`)
  }
  if (there !== undefined && !there.isFile()) {
    const file = await open(path, constants.O_WRONLY)
    try {
      for await (const piece of pieces) await file.writeFile(piece)
    } finally {
      await file.close()
    }
    return
  }
  const target = there === undefined ? path : await realpath(path)
  await writeHostFile(Buffer.from(target), pieces, { force: true, mode: there?.mode, signal })
}

/** Of what stands at a path, or what a link there leads to. @throws Node's errors. */
export async function statsAt(path: string | Buffer): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (isErrno(error) && NOTHING_THERE.includes(error.code ?? '')) return undefined
    throw error
  }
}

const NOTHING_THERE = ['ENOENT', 'ENOTDIR', 'ELOOP']
