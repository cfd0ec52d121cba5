/** Extracts an image with the command into a deep directory: nothing may come to be outside of it. */

import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { main } from '@caravan/cli'

/** @returns what must not be, or undefined. */
export async function extractImage(
  image: Uint8Array,
  blockSize: number,
): Promise<string | undefined> {
  const scratch = mkdtempSync(join(tmpdir(), 'caravan-hostile-'))
  try {
    const deep = join(scratch, 'a', 'b', 'c')
    mkdirSync(deep, { recursive: true })
    const path = join(deep, 'image')
    writeFileSync(path, image)
    const stderr = new PassThrough()
    const code = await main(
      ['extract', path, join(deep, 'target'), '--block-size', String(blockSize)],
      { stdin: Readable.from([]), stdout: new PassThrough().resume(), stderr },
    )
    const said = String(stderr.read() ?? '')
    if (/\b(TypeError|RangeError|AssertionError|MisuseError)\b|\n {4}at /.test(said)) return said
    if (![0, 1].includes(code)) return `extract ended with ${code}: ${said}`
    const beside = [
      ...readdirSync(scratch).filter((name) => name !== 'a'),
      ...readdirSync(join(scratch, 'a')).filter((name) => name !== 'b'),
      ...readdirSync(join(scratch, 'a', 'b')).filter((name) => name !== 'c'),
      ...readdirSync(deep).filter((name) => name !== 'image' && name !== 'target'),
    ]
    return beside.length === 0 ? undefined : `extract wrote outside its target: ${beside}`
  } finally {
    rmSync(scratch, { recursive: true })
  }
}
