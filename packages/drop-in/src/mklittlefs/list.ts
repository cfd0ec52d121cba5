/** `-l`: what is in an image, a directory before what is in it. */

import { openImage } from './open-image.js'
import { EXIT, type Session, SPACE_LEVEL } from './session.js'
import { spaceReport } from './space-report.js'
import { changeTime, formatTime } from './times.js'

const SLASH = 0x2f

export async function list(session: Session): Promise<number> {
  const fs = await openImage(session)
  if (fs === undefined) return EXIT.failed
  const { stdout, stderr, arguments: given } = session
  let made: Date | undefined
  let directoryCount = 0
  let hasFailed = false
  for await (const { pathBytes, type, size, attributes, error } of fs.walk()) {
    const time = changeTime(attributes)
    if (pathBytes.length === 1) {
      made = time
      continue
    }
    if (type === 'directory') directoryCount++
    stdout.write(type === 'directory' ? '<dir>\t' : `${size}\t`)
    stdout.write(shownPath(pathBytes))
    stdout.write(time === undefined ? '\n' : `\t${formatTime(time)}\n`)
    if (error === undefined) continue
    hasFailed = true
    stderr.write(`unable to open directory '/${Buffer.from(pathBytes).toString()}'\n`)
  }
  if (made !== undefined) stdout.write(`Creation time:\t${formatTime(made)}\n`)
  if (given.debug > SPACE_LEVEL) stdout.write(spaceReport(await fs.df(), directoryCount))
  return hasFailed ? EXIT.failed : EXIT.done
}

/** As the original prints paths, for those who read them: `/a`, but `//subb` for `/sub/b`. */
function shownPath(path: Uint8Array): Uint8Array {
  const last = path.lastIndexOf(SLASH)
  if (last === 0) return path
  return Buffer.concat([Buffer.from('/'), path.subarray(0, last), path.subarray(last + 1)])
}
