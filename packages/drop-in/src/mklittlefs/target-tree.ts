/**
 * What files are packed into: step by step, in the order in which the original asks the C library, so
 * that what does not fit fails at the same file.
 */

/** A path within the image, as `-T` may write it: with empty parts, `.` and `..`. */
export type ImagePath = Uint8Array

export interface TargetTree {
  /** Makes a directory where there is none. What fails, opening a file in it tells. */
  makeDirectory(path: ImagePath): void
  /** Gives an entry the time of a file's last change. What fails is not told of. */
  setTime(path: ImagePath, seconds: number): void
  /** Makes or empties a file. False where it cannot be. */
  open(path: ImagePath): boolean
  /**
   * Writes the whole content of the open file and closes it.
   *
   * @param sizeBytes of the file: `content` is cut short where it is larger than any image.
   * @returns how many bytes did not fit: 0 where all did.
   */
  write(content: Uint8Array, sizeBytes: number): number
  /** Closes the open file as it is. */
  close(): void
}

const SLASH = 0x2f

/** The names that a path leads through; `undefined` where it leads above the root. */
export function namesOf(path: ImagePath): string[] | undefined {
  const names: string[] = []
  for (const part of splitPath(path)) {
    if (part === '' || part === '.') continue
    if (part !== '..') names.push(part)
    else if (names.pop() === undefined) return undefined
  }
  return names
}

/** A name a byte a character: not every name is text. */
function splitPath(path: ImagePath): string[] {
  return Buffer.from(path).toString('latin1').split('/')
}

/** The paths of the directories that a path leads through, the empty one of the root first. */
export function* directoriesOf(path: ImagePath): Generator<ImagePath, void, void> {
  for (let at = path.indexOf(SLASH); at >= 0; at = path.indexOf(SLASH, at + 1)) {
    yield path.subarray(0, at)
  }
}
