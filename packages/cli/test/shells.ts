/**
 * Words completed in real shells: what stands on the line after the TAB key.
 *
 * bash and zsh complete on a terminal alone: zsh's zpty is one, and the shell in it writes its line
 * between braces when it is asked, and empties it: a key that erases the line would do that in the
 * terminal too, while the shell is not yet reading. fish says what it would offer.
 */

import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What makes a shell ready: the script of caravan, and a key that shows the line. */
const READY = {
  bash: [
    'env -i HOME="$HOME" PATH="$PATH" TERM=dumb bash --norc --noprofile -i',
    `source <(caravan completion bash); bind -x '"\\C-g": printf "\\n{{%s}}\\n" "$READLINE_LINE"; READLINE_LINE='; printf '%s\\n' rea''dy`,
  ],
  zsh: [
    'env -i HOME="$HOME" PATH="$PATH" TERM=dumb zsh -f -i',
    `autoload -Uz compinit; compinit -u -D; source <(caravan completion zsh); show() { print -r -- ; print -r -- "{{$BUFFER}}"; BUFFER=; }; zle -N show; bindkey '^G' show; print -r -- rea''dy`,
  ],
} as const

const DRIVER = `zmodload zsh/zpty || exit 1
zpty sh "$1"
zpty -w sh "$2"
zpty -r sh out '*ready*'
shift 2
for line in "$@"; do
  zpty -w -n sh "$line"$'\\t\\C-g'
  zpty -r sh out '*{{*}}*'
  print -r -- "\${\${out##*\\{\\{}%%\\}\\}*}"
done
zpty -d sh
`

export interface Place {
  /** The directory in which the shell stands; its home directory too. */
  readonly directory: string
  /** Where the command is. */
  readonly bin: string
}

/** Each line after one press of TAB at its end. */
export function afterTab(
  zsh: string,
  shell: keyof typeof READY,
  place: Place,
  lines: readonly string[],
): Promise<string[]> {
  const driver = join(place.directory, '.driver.zsh')
  writeFileSync(driver, DRIVER)
  return run(zsh, ['-f', driver, ...READY[shell], ...lines], place)
}

/** What fish offers for each line: the words, without their notes. */
export function offeredByFish(
  fish: string,
  place: Place,
  lines: readonly string[],
): Promise<string[]> {
  const ask =
    'caravan completion fish | source; for line in $argv; printf "%s\\n" (string join -- " | " (complete -C "$line" | string replace -r "\\t.*" "")); end'
  return run(fish, ['--no-config', '-c', ask, ...lines], place)
}

async function run(
  program: string,
  args: readonly string[],
  { directory, bin }: Place,
): Promise<string[]> {
  const { stdout, stderr } = await promisify(execFile)(program, args, {
    cwd: directory,
    env: { HOME: directory, PATH: `${bin}:${process.env.PATH}`, TERM: 'dumb' },
    timeout: 240_000,
  })
  if (stderr !== '') throw new TypeError(stderr)
  return stdout.replace(/\n$/, '').split('\n')
}
