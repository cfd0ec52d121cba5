/** Applying a mutant to a source. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Mutant } from './mutants.js'

/** The source with the fault in it; undefined where the text does not stand there exactly once. */
export function mutatedSource(
  root: string,
  { file, find, replace }: Pick<Mutant, 'file' | 'find' | 'replace'>,
): string | undefined {
  const parts = readFileSync(join(root, 'packages', 'littlefs', 'src', file), 'utf8').split(find)
  return parts.length === 2 ? parts.join(replace) : undefined
}
