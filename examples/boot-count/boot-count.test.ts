/** The example runs, and is killed at any moment: it never forgets a count that it has printed. */

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, it } from 'vitest'

const program = join(dirname(fileURLToPath(import.meta.url)), '../dist/boot-count/boot-count.js')

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'caravan-boot-count-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Starts it; kills it after `killAfterMs`, if it has not ended. @returns the count that it printed. */
function boot(image: string, killAfterMs?: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, image], { stdio: ['ignore', 'pipe', 'pipe'] })
    let out = ''
    let err = ''
    child.stdout.on('data', (data) => {
      out += data
    })
    child.stderr.on('data', (data) => {
      err += data
    })
    const timer =
      killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const count = /^boot_count: (\d+)$/m.exec(out)?.[1]
      if (code === 0 && count !== undefined) resolve(Number(count))
      else if (signal === 'SIGKILL') resolve(undefined)
      else reject(new TypeError(`it ended with ${code}: ${err}`))
    })
  })
}

it('counts one more with every start', async () => {
  const image = join(folder, 'counted.img')
  expect([await boot(image), await boot(image), await boot(image)]).toEqual([1, 2, 3])
})

it('killed at any moment, goes on from the last count or the one after it', async () => {
  const image = join(folder, 'killed.img')
  const begin = performance.now()
  let last = (await boot(image)) as number
  const runMs = performance.now() - begin
  let kills = 0
  for (let i = 0; i < 16; i++) {
    // From half of a run to its end: before that it has not begun to write.
    const killed = await boot(image, runMs * (0.5 + i / 32))
    if (killed === undefined) kills++
    const count = (await boot(image)) as number
    // The run before may have ended, or have been killed before or after it saved.
    expect([last + 1, last + 2]).toContain(count)
    last = count
  }
  expect(kills).toBeGreaterThan(0)
}, 60_000)
