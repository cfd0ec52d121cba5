/** docs/mistakes.md: each mistake of the table gets the sentence that stands there, and nothing is written. */

import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { FileDevice } from '@caravan/device/node'
import { beforeAll, describe, expect, it } from 'vitest'
import { flashDump } from './dumps.js'
import { caravan, freshPath, scratch } from './harness.js'

const page = fileURLToPath(new URL('../../../docs/mistakes.md', import.meta.url))
const MISTAKES = readFileSync(page, 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, mistake, command, exit, said] =
      /^\| (.+) \| `caravan (.+)` \| (\d) \| (.+) \|$/.exec(line) ?? []
    return mistake === undefined ? [] : [{ mistake, command, exit, said } as Record<string, string>]
  })

const NOBODY = 65534
const place = freshPath()

/** What of the words of a command is a file of the place. */
const argvOf = (command: string) =>
  command
    .split(' ')
    .map((word) => (/\.(bin|uf2)$|^(tree|long)$/.test(word) ? join(place, word) : word))

beforeAll(async () => {
  for (const name of ['', 'tree', 'long']) mkdirSync(join(place, name))
  writeFileSync(join(place, 'tree/hello'), 'hello\n')
  writeFileSync(join(place, 'tree/big'), Buffer.alloc(9000, 'x'))
  writeFileSync(join(place, 'long', 'n'.repeat(70)), '')
  const ran = async (command: string) => {
    const { code, err } = await caravan(argvOf(command))
    expect([code, err]).toEqual([0, ''])
  }
  await ran('create --quiet --size 64K tree flash.bin')
  await ran('pack --address 0x10180000 --for-family rp2040 flash.bin flash.uf2')
  for (const name of ['read-only.bin', 'in-use.bin']) {
    copyFileSync(join(place, 'flash.bin'), join(place, name))
  }
  writeFileSync(join(place, 'dump.bin'), await flashDump())
  copyFileSync(join(place, 'dump.bin'), join(place, 'cut.bin'))
  truncateSync(join(place, 'cut.bin'), 10485760)
  chmodSync(join(place, 'read-only.bin'), 0o444)
  for (const directory of [scratch, place]) chmodSync(directory, 0o777)
})

/** The mode of a file says nothing to root. */
async function asSomebody<T>(run: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return run()
  process.seteuid?.(NOBODY)
  try {
    return await run()
  } finally {
    process.seteuid?.(0)
  }
}

/** Every file of the place, and the digest of what is in it. */
function contents(): string[] {
  return readdirSync(place, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => {
      const bytes = readFileSync(join(parentPath, name))
      return `${join(parentPath, name)} ${createHash('sha256').update(bytes).digest('hex')}`
    })
    .sort()
}

describe('a mistake', () => {
  it('of at least ten kinds stands in the table', () => {
    expect(MISTAKES.length).toBeGreaterThanOrEqual(10)
  })

  it.each(MISTAKES)('$mistake: caravan $command', async ({ command = '', exit, said = '' }) => {
    const before = contents()
    const user = await FileDevice.open(join(place, 'in-use.bin'), { blockSize: 4096 })
    const run = () => caravan(argvOf(command))
    try {
      const { code, err } = await (command.includes('read-only') ? asSomebody(run) : run())
      expect(code).toBe(Number(exit))
      const parts = said.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      expect(err.replaceAll(`${place}/`, '')).toMatch(new RegExp(parts.join('.*')))
    } finally {
      await user.close()
    }
    expect(contents()).toEqual(before)
  })
})
