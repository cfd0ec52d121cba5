/** Repositories and directories that tests make images of, and git to compare with. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { MemoryDevice } from '@caravan/device'
import { afterAll } from 'vitest'

export const project: string = fileURLToPath(new URL('../../..', import.meta.url))

export const scratch: string = mkdtempSync(join(tmpdir(), 'caravan-docteur-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

let count = 0

export function freshPath(name = 'fresh'): string {
  return join(scratch, `${name}-${++count}`)
}

const env = {
  ...process.env,
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'A',
  GIT_AUTHOR_EMAIL: 'a@example.org',
  GIT_COMMITTER_NAME: 'A',
  GIT_COMMITTER_EMAIL: 'a@example.org',
  GIT_AUTHOR_DATE: '1700000000 +0000',
  GIT_COMMITTER_DATE: '1700000000 +0000',
}

/** What git prints; throws with what it says where it fails. */
export function git(cwd: string, args: readonly string[], input?: string | Uint8Array): Buffer {
  return execFileSync('git', ['-c', 'safe.directory=*', ...args], {
    cwd,
    env,
    maxBuffer: 2 ** 30,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
  })
}

/** True where the project is a clone whose history git can read. */
export function hasHistory(): boolean {
  try {
    git(project, ['rev-parse', 'HEAD'])
    return true
  } catch {
    return false
  }
}

/** A repository with these files committed; content by path. */
export function repository(
  files: Readonly<Record<string, string | Uint8Array>>,
  init: readonly string[] = [],
): string {
  const folder = freshPath('repository')
  mkdirSync(folder)
  git(folder, ['init', '--quiet', '--initial-branch=main', ...init])
  commitFiles(folder, files, 'first')
  return folder
}

export function commitFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
  message: string,
): void {
  writeFiles(folder, files)
  git(folder, ['add', '--all'])
  git(folder, ['commit', '--quiet', '--allow-empty', '-m', message])
}

export function writeFiles(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
}

/** An image in memory, byte for byte. */
export function deviceOf(image: string | Uint8Array): MemoryDevice {
  const bytes = typeof image === 'string' ? new Uint8Array(readFileSync(image)) : image
  return new MemoryDevice(bytes, { blockSize: 1, readOnly: true })
}
