/**
 * Text as roff has it, with the macros of man(7), which every `man` knows.
 *
 * Every sign is to come out as it stands in the help: a hyphen of an option is one that can be copied,
 * and nothing in a text begins a request.
 */

const NAMED: Readonly<Record<string, string>> = {
  '\\': '\\e',
  '-': '\\-',
  "'": '\\(aq',
  '"': '\\(dq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
}

/** Text within a line, also as the argument of a macro. */
export function roff(text: string): string {
  return text
    .replace(/[\\\-'"`^~]/g, (sign) => NAMED[sign] as string)
    .replace(/[^\n -~]/gu, (sign) => `\\[u${hex(sign)}]`)
}

function hex(sign: string): string {
  return (sign.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, '0')
}

/** Lines of text, none of which is a request. */
function lines(text: string): string {
  return text
    .split('\n')
    .map((line) => (/^[.']/.test(line) ? `\\&${roff(line)}` : roff(line)))
    .join('\n')
}

export function section(title: string, ...parts: readonly string[]): string {
  // A heading begins a paragraph of its own.
  const body = parts
    .filter((part) => part !== '')
    .join('\n')
    .replace(/^\.PP\n/, '')
  return body === '' ? '' : `.SH ${title}\n${body}`
}

/** One that is filled. */
export function paragraph(text: string): string {
  return `.PP\n${lines(text)}`
}

/** Lines that stay as they are, indented. */
export function verbatim(text: string): string {
  return `.PP\n.RS 4\n.nf\n${lines(text)}\n.fi\n.RE`
}

/** A term in bold, and below it what it is. */
export function tagged(term: string, text: string): string {
  return `.TP\n\\fB${roff(term)}\\fR\n${lines(text)}`
}

/** Line after line of prose: what is indented in it stays as it is. */
export function prose(text: string): string {
  const parts: string[] = []
  let run: string[] = []
  let isIndented = false
  const end = () => {
    if (run.length === 0) return
    const whole = run.join('\n')
    parts.push(isIndented ? verbatim(whole.replace(/^ {2}/gm, '')) : paragraph(whole))
    run = []
  }
  for (const line of text.split('\n')) {
    if (line.startsWith('  ') !== isIndented) {
      end()
      isIndented = !isIndented
    }
    run.push(line)
  }
  end()
  return parts.join('\n')
}
