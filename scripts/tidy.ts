/**
 * House rules that a machine can check. Each rule is a function over files, so that each has a test
 * that plants what it must catch. `npm test` runs them all; `npm run tidy` prints what they find.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, extname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  errorsHaveAClass,
  exportsByName,
  fileSizes,
  formatStandsAlone,
  importDirections,
  noClockNoChance,
  noDeadExports,
  noNodeInLibraries,
  nothingLeftForLater,
  relativeImportsStayInside,
} from './tidy/code-rules.js'
import {
  dependenciesAreJustified,
  lockFileNamesNoHost,
  manifestsAreWhole,
  noMachinePaths,
  readmeNamesWhatIs,
} from './tidy/house-rules.js'
import type { Rule, TidyFile } from './tidy/source.js'

export const rules: Readonly<Record<string, Rule>> = {
  importDirections,
  relativeImportsStayInside,
  formatStandsAlone,
  noNodeInLibraries,
  exportsByName,
  noClockNoChance,
  errorsHaveAClass,
  fileSizes,
  noDeadExports,
  nothingLeftForLater,
  noMachinePaths,
  lockFileNamesNoHost,
  manifestsAreWhole,
  dependenciesAreJustified,
  readmeNamesWhatIs,
}

/** What is made, not written; all of it is in .gitignore, but for `.git` itself (a file in a worktree). */
const MADE = new Set(['.git', '.cache', 'node_modules', 'dist', 'coverage', 'api'])
const TEXT = new Set(['', '.ts', '.mts', '.mjs', '.js', '.json', '.md', '.html', '.css', '.txt'])

/** All text files under `root`. Found without git, so that a downloaded copy is checked too. */
export function readWorkspace(root: string, under = ''): TidyFile[] {
  return readdirSync(join(root, under), { withFileTypes: true }).flatMap((entry) => {
    const path = under === '' ? entry.name : `${under}/${entry.name}`
    if (entry.isDirectory()) return MADE.has(entry.name) ? [] : readWorkspace(root, path)
    if (!entry.isFile() || MADE.has(entry.name) || !TEXT.has(extname(entry.name))) return []
    return [{ path, text: readFileSync(join(root, path), 'utf8') }]
  })
}

/** One line a finding: `path:line: rule: message`. */
export function tidy(files: readonly TidyFile[]): string[] {
  return Object.entries(rules).flatMap(([name, rule]) =>
    rule(files).map(({ path, line, message }) => `${path}:${line}: ${name}: ${message}`),
  )
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
  const findings = tidy(readWorkspace(root))
  for (const finding of findings) console.log(finding)
  process.exitCode = findings.length === 0 ? 0 : 1
}
