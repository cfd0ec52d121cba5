/** Words into lines of a width, as Python's textwrap breaks them. */

/** Lines of at most `width` characters. A word breaks behind a hyphen, and where it is too long. */
export function wrapText(text: string, width: number): string[] {
  const pieces = text.trim().split(/(\s+)/).flatMap(piecesOfWord)
  const lines: string[] = []
  let line = ''
  const endLine = () => {
    if (line.trimEnd() !== '') lines.push(line.trimEnd())
    line = ''
  }
  while (pieces.length > 0) {
    const piece = pieces.shift() as string
    // No line begins with a blank, but the first.
    if (line === '' && lines.length > 0 && piece.trim() === '') continue
    if (line.length + piece.length <= width) {
      line += piece
    } else if (piece.length > width) {
      const end = breakInside(piece, width - line.length)
      line += piece.slice(0, end)
      pieces.unshift(piece.slice(end))
      endLine()
    } else {
      endLine()
      pieces.unshift(piece)
    }
  }
  endLine()
  return lines
}

/** A hyphen between letters, two of them before it, may end a line. */
const HYPHEN = /(?<=[^\W\d_]{2}-)(?=[^\W\d_]-?[^\W\d_])/

/** A dash of several hyphens stands for itself. `'--help'` has one, too. */
const DASH = /(?<=[\w!"'&.,?])(-{2,})(?=\w)/

function piecesOfWord(word: string): string[] {
  if (/^\s+$/.test(word)) return [' ']
  return word.split(DASH).flatMap((piece) => (piece.startsWith('--') ? piece : piece.split(HYPHEN)))
}

function breakInside(piece: string, space: number): number {
  const hyphen = piece.slice(0, space).lastIndexOf('-')
  return hyphen > 0 ? hyphen + 1 : space
}

/**
 * Words into lines that are filled as far as they go; a word stays whole.
 *
 * @param limits `before`: what stands before each line, in characters, and before the first.
 */
export function fillLines(
  words: readonly string[],
  { before, beforeFirst = before, width }: { before: number; beforeFirst?: number; width: number },
): string[] {
  const lines: string[][] = []
  let length = beforeFirst
  for (const word of words) {
    const line = lines.at(-1)
    if (line === undefined || length + 1 + word.length > width) {
      if (line !== undefined) length = before
      lines.push([word])
    } else {
      line.push(word)
    }
    length += word.length + 1
  }
  return lines.map((line) => line.join(' '))
}
