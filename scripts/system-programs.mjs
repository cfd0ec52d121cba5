/**
 * The programs of the system that tests talk to: one list for set-up, which installs them, and for
 * the tests, which ask for them (`systemProgram()` in packages/testkit).
 */

import { accessSync, constants, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/**
 * @typedef {object} SystemProgram
 * @property {string} name what tests ask for
 * @property {string} debianPackage
 * @property {string} executable the file on PATH that shows that it is there
 * @property {string} provide the command that a person runs to have it
 */

/** @type {readonly SystemProgram[]} */
export const systemPrograms = [
  program('git', 'git', 'git'),
  program('chromium', 'chromium', 'chromium'),
  program('openssl', 'openssl', 'openssl'),
  program('sshd', 'openssh-server', 'sshd'),
  program('bash', 'bash', 'bash'),
  program('zsh', 'zsh', 'zsh'),
  program('fish', 'fish', 'fish'),
  program('mandoc', 'mandoc', 'mandoc'),
  program('groff', 'groff-base', 'groff'),
]

/** @returns {SystemProgram} */
function program(name, debianPackage, executable) {
  return { name, debianPackage, executable, provide: `sudo apt-get install ${debianPackage}` }
}

/** The path of an executable, looked for as a shell would; `undefined` where there is none. */
export function findExecutable(executable) {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    if (folder === '') continue
    const path = join(folder, executable)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder: the next one may have it.
    }
  }
  return undefined
}

/** @returns {SystemProgram[]} */
export function missingPrograms() {
  return systemPrograms.filter(({ executable }) => findExecutable(executable) === undefined)
}

/** True where set-up may install Debian packages: on Debian (or a child of it), as root. */
export function canInstall() {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false
  if (findExecutable('apt-get') === undefined) return false
  try {
    return /^ID(_LIKE)?=.*debian/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}
