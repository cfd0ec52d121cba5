/** The tour runs as a process, ends well and leaves nothing behind. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'

const work = mkdtempSync(join(tmpdir(), 'caravan-tour-'))
afterAll(() => rmSync(work, { recursive: true }))

it('shows what it does, and it is right', () => {
  const tour = fileURLToPath(new URL('dist/start.js', import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [tour], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: work, TEMP: work, TMP: work },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  for (const verb of ['info', 'tree', 'check', 'map', 'extract', 'create', 'put', 'mv', 'rm']) {
    expect(stdout).toMatch(new RegExp(`^\\$ caravan ${verb} `, 'm'))
  }
  expect(stdout.match(/^Compared: \d+ files, byte for byte/gm)).toHaveLength(5)
  expect(readdirSync(work)).toEqual([])
}, 120_000)
