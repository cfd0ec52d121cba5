/** A repository of many files that are alike but for some lines, as docteur's figures are measured on. */

import { spawnSync } from 'node:child_process'

/** Files are made of so many, each of so many lines. */
const BASE_COUNT = 40
const LINE_COUNT = 60
const WORD_COUNT = 2000
/** Lines that each has of its own. */
const OWN_LINES = 4

/**
 * Makes a bare repository with one commit.
 *
 * By fast-import, which writes no files; without its deltas, which are worse than those of the PACK
 * that is made of it.
 */
export function importSimilarFiles(folder: string, count: number): void {
  run(['init', '--quiet', '--bare', folder])
  run(['-C', folder, 'symbolic-ref', 'HEAD', 'refs/heads/main'])
  run(['-C', folder, 'fast-import', '--quiet', '--depth=0'], similarFiles(count))
}

function similarFiles(count: number): string {
  let state = 7
  const random = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff
    return Math.floor((state / 0x80000000) * below)
  }
  const list = <T>(length: number, make: () => T) => Array.from({ length }, make)
  const letter = () => String.fromCharCode(97 + random(26))
  const words = list(WORD_COUNT, () => list(3 + random(8), letter).join(''))
  const line = () => list(6 + random(8), () => words[random(WORD_COUNT)]).join(' ')
  const bases = list(BASE_COUNT, () => list(LINE_COUNT, line))
  const stream = [
    'commit refs/heads/main\ncommitter bench <bench@example.org> 1700000000 +0000\ndata 0\n',
  ]
  for (let i = 0; i < count; i++) {
    const lines = [...(bases[i % BASE_COUNT] as string[])]
    for (let k = 0; k < OWN_LINES; k++) lines[random(LINE_COUNT)] = line()
    const text = `${lines.join('\n')}\n`
    const path = `d${i % 100}/s${Math.floor(i / 100) % 10}/f${i}.txt`
    stream.push(`M 100644 inline ${path}\ndata ${text.length}\n${text}\n`)
  }
  return stream.join('')
}

function run(args: readonly string[], input = ''): void {
  const { status, stderr } = spawnSync('git', args, { input, encoding: 'utf8' })
  if (status !== 0) throw new RangeError(`git ${args.join(' ')}: ${stderr}`)
}
