/** notafs on the browser's own private files, in a worker of headless Chromium. */

import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  type SliceSubject,
  sameOnOpfs,
  sliceInMemory,
  sliceOnOpfs,
  systemProgram,
} from '@caravan/testkit'
import { expect, it } from 'vitest'
import { NotaFS } from '../src/index.js'

const ON_OPFS = {
  packageName: '@caravan/notafs',
  className: 'NotaFS',
  folder: dirname(fileURLToPath(import.meta.url)),
  blockCount: 96,
}

it('the slice in memory: operations, remounts and cuts beside a map', () => {
  const subject = { format: NotaFS.formatSync, mount: NotaFS.mountSync }
  expect(sliceInMemory(subject as SliceSubject, ON_OPFS.blockCount)).toBeUndefined()
})

it.skipIf(systemProgram('chromium') === undefined)(
  'the slice on OPFS in a worker of Chromium',
  { timeout: 600_000 },
  async () => expect(await sliceOnOpfs(ON_OPFS)).toBe(sameOnOpfs(ON_OPFS)),
)
