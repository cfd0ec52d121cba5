import { expect, test } from 'vitest'
import { gitNameProblem } from './git-names.js'
import { encodeUtf8 } from './names.js'

// git's own cases: t/t0060-path-utils.sh, t/t1450-fsck.sh, t/t7415-submodule-names.sh.
test.each([
  '.git',
  '.GIT',
  '.Git',
  '.git ',
  '.git.',
  '.git . .',
  '.git::$INDEX_ALLOCATION',
  '.git\\x',
  'git~1',
  'GIT~1',
  'Git~1 .',
  '.g\u200cit',
  '.git\ufeff',
  '\u202e.gi\u206ft',
  '.GI\u200dT',
])('%j is refused', (name) => {
  expect(gitNameProblem(encodeUtf8(name), false)).toContain("'.git'")
})

test.each([
  '.gitignore',
  '.github',
  'git',
  '.gi',
  'git~2',
  'git~10',
  '.git-x',
  'x.git',
  '.gít',
  ' .git',
])('%j is not', (name) => {
  expect(gitNameProblem(encodeUtf8(name), false)).toBeUndefined()
  expect(gitNameProblem(encodeUtf8(name), true)).toBeUndefined()
})

test.each([
  '.gitmodules',
  '.GITMODULES',
  '.gitmodules .',
  'gitmod~1',
  'GI7EBA~1',
  '.git\u200cmodules',
])('%j is refused as a link alone', (name) => {
  expect(gitNameProblem(encodeUtf8(name), true)).toContain("'.gitmodules'")
  expect(gitNameProblem(encodeUtf8(name), false)).toBeUndefined()
})

test('bytes that are no text are no such name', () => {
  expect(gitNameProblem(Uint8Array.of(0x2e, 0x67, 0x69, 0x74, 0xff), false)).toBeUndefined()
})
