/** Archives that no tar would make. */

import { packTar } from 'modern-tar'

/** An archive of one file of zeros with any name. */
export function hostileName(name: string, size = 0): Promise<Uint8Array> {
  const header = { name, size, mtime: new Date(0) }
  return packTar([{ header, data: new Uint8Array(size) }])
}
