/**
 * The system's programs that tests talk to, as scripts/system-programs.mjs lists them.
 *
 * 1. A program that is not there skips its tests, and the reason is printed with the command that
 *    would provide it.
 * 2. With CI=true nothing is skipped for want of a program: asking for it fails.
 */

interface SystemProgram {
  readonly name: string
  readonly executable: string
  readonly provide: string
}

interface SystemPrograms {
  readonly systemPrograms: readonly SystemProgram[]
  findExecutable(executable: string): string | undefined
}

// Found from the workspace's root, where set-up reads the same list before anything is compiled.
const list = new URL('../../../scripts/system-programs.mjs', import.meta.url).href
const { systemPrograms, findExecutable } = (await import(list)) as SystemPrograms

/**
 * The path of a program, or `undefined` with the reason printed: for `describe.skipIf`.
 *
 * @throws Error for a program that set-up does not know of, and with CI=true for a missing one
 */
export function systemProgram(name: string): string | undefined {
  const program = systemPrograms.find((listed) => listed.name === name)
  if (program === undefined) {
    throw new Error(`'${name}' is not listed in scripts/system-programs.mjs: add it there first.`)
  }
  const path = findExecutable(program.executable)
  if (path !== undefined) return path
  const reason = `${name} is not installed. To have it: ${program.provide}`
  if (process.env.CI === 'true') throw new Error(`${reason} (with CI=true nothing is skipped)`)
  console.log(`skipped: ${reason}`)
  return undefined
}
