/**
 * A line of bash as it stands before the cursor: its words, with their quotes resolved.
 *
 * bash hands over the line as it was typed, and cuts words also at `=` and `:` where it replaces them.
 * Nothing is expanded: no variable, no command, no pattern. What somebody has typed is never run.
 */

interface ShellLine {
  /** The last one is at the cursor, and may be empty. */
  readonly words: readonly string[]
  /** The quote that is open at the cursor. */
  readonly quote: '' | "'" | '"'
  /** How much of the last word bash leaves alone: what stands before the last of its breaks in it. */
  readonly keptLength: number
}

/** @param breaks what bash cuts words at, COMP_WORDBREAKS. */
export function parseShellLine(line: string, breaks: string): ShellLine {
  const words: string[] = []
  let word = ''
  let isInWord = false
  let quote: ShellLine['quote'] = ''
  let keptLength = 0
  for (let at = 0; at < line.length; at++) {
    const character = line[at] as string
    const next = line[at + 1]
    if (quote === '' && /\s/.test(character)) {
      if (isInWord) words.push(word)
      word = ''
      isInWord = false
      keptLength = 0
      continue
    }
    isInWord = true
    if (character === quote) quote = ''
    else if (quote === '' && (character === "'" || character === '"')) quote = character
    else if (character === '\\' && isEscape(quote, next)) {
      word += next ?? ''
      at++
    } else {
      word += character
      if (quote === '' && breaks.includes(character)) keptLength = word.length
    }
  }
  return { words: [...words, word], quote, keptLength }
}

function isEscape(quote: ShellLine['quote'], next: string | undefined): boolean {
  if (quote === "'") return false
  return quote === '' || (next !== undefined && '"\\$`'.includes(next))
}

/** Text as it stands in a line of bash, behind the quote that is open there. */
export function quoted(text: string, quote: ShellLine['quote']): string {
  if (quote === '"') return text.replace(/["\\$`]/g, '\\$&')
  if (quote === "'") return text.replaceAll("'", "'\\''")
  return text.replace(/^~|[^\p{L}\p{N}\p{M}_/.,:=@%+~^-]/gu, '\\$&')
}
