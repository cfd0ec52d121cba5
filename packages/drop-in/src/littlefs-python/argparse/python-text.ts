/** Text as Python reads and shows it. */

/** What `repr()` shows as it is: neither control nor format characters, nor spaces but the usual one. */
const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/u

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
}

/** `repr()` of a string. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  let shown = ''
  for (const character of text) {
    if (character === quote) shown += `\\${quote}`
    else shown += SHORT_ESCAPES[character] ?? escapeUnprintable(character)
  }
  return quote + shown + quote
}

function escapeUnprintable(character: string): string {
  if (!UNPRINTABLE.test(character)) return character
  const code = (character.codePointAt(0) as number).toString(16)
  if (code.length <= 2) return `\\x${code.padStart(2, '0')}`
  return code.length <= 4 ? `\\u${code.padStart(4, '0')}` : `\\U${code.padStart(8, '0')}`
}

const INTEGERS = {
  10: /^([+-]?)(\d+(?:_\d+)*)$/,
  16: /^([+-]?)(?:0x_?)?([\da-f]+(?:_[\da-f]+)*)$/i,
}

/** `int(text, base)`: blanks around it, a sign and `_` between digits are fine. */
export function pythonInt(text: string, base: 10 | 16): bigint | undefined {
  const match = INTEGERS[base].exec(text.trim())
  if (match === null) return undefined
  const digits = (match[2] as string).replaceAll('_', '')
  const size = BigInt(base === 16 ? `0x${digits}` : digits)
  return match[1] === '-' ? -size : size
}

/** `str(Path(text))`: without doubled slashes, `.` and a slash at the end; `..` stays. */
export function pythonPath(text: string, platform: NodeJS.Platform = process.platform): string {
  if (platform === 'win32') {
    const path = pythonPath(text.replaceAll('\\', '/'), 'linux').replaceAll('/', '\\')
    return /^[a-z]:$/i.test(path) && /[\\/]$/.test(text) ? `${path}\\` : path
  }
  const slashes = (/^\/*/.exec(text) as RegExpExecArray)[0].length
  // POSIX leaves two, and only two, to the host.
  const root = slashes === 2 ? '//' : '/'.repeat(Math.min(slashes, 1))
  const parts = text.split('/').filter((part) => part !== '' && part !== '.')
  return root + parts.join('/') || '.'
}
