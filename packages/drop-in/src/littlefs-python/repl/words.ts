/** The words of a line, as a shell takes them: blanks part them, quotes and `\` keep them together. */

import { Failure } from '../failure.js'

const WORD = /(?:[^\s'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+/y
const PART = /'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|([^'"\\]+)/g

/** @throws Failure for a quote that is not closed. */
export function splitWords(line: string): string[] {
  const words: string[] = []
  const text = line.trim()
  for (let at = 0; at < text.length; ) {
    WORD.lastIndex = at
    const match = WORD.exec(text)
    if (match === null)
      throw new Failure('USAGE', 'a quote is not closed, or nothing follows a \\.')
    const parts = [...match[0].matchAll(PART)]
    words.push(parts.map(wordPart).join(''))
    at += match[0].length
    while (/\s/.test(text[at] ?? '')) at++
  }
  return words
}

function wordPart([, single, double, escaped, plain]: RegExpMatchArray): string {
  // Between double quotes a `\` is only one before another or a quote.
  return single ?? double?.replace(/\\(["\\])/g, '$1') ?? escaped ?? plain ?? ''
}
