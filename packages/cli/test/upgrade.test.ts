/** `caravan upgrade`: the disk version, up and back, and what is refused. */

import { readFileSync } from 'node:fs'
import { checkLittlefs } from '@caravan/testkit'
import { expect, test } from 'vitest'
import { caravan, freshPath, goldenImage } from './harness.js'
import { hostTree } from './images.js'

async function versionOf(image: string): Promise<string> {
  return JSON.parse((await caravan(['info', '--json', image])).out).diskVersion
}

test('back to 2.0 for a device that refuses 2.1, and up again', async () => {
  const image = goldenImage('field-esp-idf-2.1')
  const manifest = (await caravan(['manifest', image])).out
  const device = ['check', '--profile', 'arduino-esp32-2', image]
  expect((await caravan(device)).out).toContain('DEVICE_REFUSES_VERSION')
  const down = await caravan(['upgrade', '--disk-version', '2.0', image])
  expect(down.err).toBe('')
  expect(down.out).toBe(`${image} has disk version 2.0 now, and had 2.1 before\n`)
  expect((await caravan(device)).code).toBe(0)
  expect((await caravan(['info', image])).out).toContain('littlefs 2.0')
  expect(checkLittlefs(readFileSync(image), { blockSize: 4096 })).toEqual([])
  expect((await caravan(['put', image, hostTree({}), '/put', '-r'])).code).toBe(0)
  expect(await versionOf(image)).toBe('2.0')
  await caravan(['rm', '-r', image, '/put'])

  expect((await caravan(['upgrade', '-q', '--disk-version', '2.1', image])).out).toBe('')
  expect(await versionOf(image)).toBe('2.1')
  expect((await caravan(['manifest', image])).out).toBe(manifest)
  const again = await caravan(['upgrade', '--disk-version', '2.1', image])
  expect(again.out).toBe(`${image} has disk version 2.1 already\n`)
})

test('what cannot be is refused', async () => {
  const image = goldenImage('field-zephyr')
  expect(await caravan(['upgrade', image])).toMatchObject({
    code: 2,
    err: expect.stringContaining('Give --disk-version 2.0 or 2.1'),
  })
  expect((await caravan(['upgrade', '--disk-version', '3', image])).code).toBe(2)
  const notafs = freshPath()
  await caravan(['format', '--format', 'notafs', '--size', '1M', notafs])
  expect(await caravan(['upgrade', '--disk-version', '2.1', notafs])).toMatchObject({
    code: 2,
    err: expect.stringContaining('is a notafs image, which has one version alone'),
  })
})
