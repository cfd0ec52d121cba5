/** `-l`: what is in an image, a directory before what is in it. */

import { type Folder, readImageTree } from '../image-tree.js'
import { openImage } from './open-image.js'
import { EXIT, type Session, SPACE_LEVEL } from './session.js'
import { spaceReport } from './space-report.js'
import { changeTime, formatTime } from './times.js'

export async function list(session: Session): Promise<number> {
  const fs = await openImage(session)
  if (fs === undefined) return EXIT.failed
  const { stdout, arguments: given } = session
  const root = await readImageTree(fs)
  const listing = new Listing(session)
  listing.add(root, Buffer.from('/'))
  const made = changeTime(root.entry.attributes)
  if (made !== undefined) stdout.write(`Creation time:\t${formatTime(made)}\n`)
  if (given.debug > SPACE_LEVEL) {
    stdout.write(spaceReport(await fs.df(), listing.directoryCount))
  }
  return listing.hasFailed ? EXIT.failed : EXIT.done
}

class Listing {
  /** True where a directory could not be read. */
  hasFailed = false
  /** Without the root. */
  directoryCount = 0

  constructor(private readonly session: Session) {}

  /** @param shown the path as the original writes it: `/`, `//sub`, with no slash behind it. */
  add({ entry: { error }, children }: Folder, shown: Buffer): void {
    const { stdout, stderr } = this.session
    if (error !== undefined) {
      this.hasFailed = true
      stderr.write(`unable to open directory '${shown.toString()}'\n`)
    }
    for (const { name, entry, folder } of children) {
      const time = changeTime(entry.attributes)
      const size = folder === undefined ? entry.size : '<dir>'
      // The name follows the path at once, as it does in the original.
      stdout.write(Buffer.concat([Buffer.from(`${size}\t`), shown, name]))
      stdout.write(time === undefined ? '\n' : `\t${formatTime(time)}\n`)
      if (folder === undefined) continue
      this.directoryCount++
      this.add(folder, Buffer.concat([shown, Buffer.from('/'), name]))
    }
  }
}
