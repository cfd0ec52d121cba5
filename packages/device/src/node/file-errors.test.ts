import { describe, expect, test } from 'vitest'
import { fileError, openError } from './file-errors.js'

/** As node:fs makes them; root, who often runs tests, would never meet some of them. */
function systemError(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${code}: words of the system`), { code })
}

describe('openError', () => {
  test.each([
    ['ENOENT', false, 'NOT_FOUND', 'There is no file /disk'],
    ['ENOTDIR', true, 'NOT_FOUND', 'There is no file /disk'],
    ['EISDIR', false, 'IO', '/disk is a directory'],
    ['EACCES', false, 'READ_ONLY', '/disk may not be written (EACCES). Open it read-only'],
    ['EPERM', false, 'READ_ONLY', 'may not be written'],
    ['EROFS', false, 'READ_ONLY', 'may not be written'],
    ['EACCES', true, 'IO', 'The open of /disk failed: EACCES: words of the system. Give this user'],
    ['EMFILE', false, 'IO', 'The open of /disk failed: EMFILE'],
  ])('%s (read-only: %s) is %s', (code, readOnly, ours, message) => {
    const cause = systemError(code)
    expect(openError(cause, '/disk', readOnly)).toMatchObject({
      name: 'DeviceError',
      code: ours,
      request: 'open',
      path: '/disk',
      cause,
      message: expect.stringContaining(message),
    })
  })
})

test('fileError names the place and the advice', () => {
  const at = { block: 3, offset: 4, length: 5 }
  expect(fileError(systemError('ENOSPC'), 'prog', '/disk', at)).toMatchObject({
    ...at,
    code: 'IO',
    request: 'prog',
    message:
      'The prog of /disk failed: ENOSPC: words of the system. Free some space on the disk that holds it.',
  })
})
