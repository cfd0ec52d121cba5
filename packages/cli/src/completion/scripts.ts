/**
 * What `caravan completion SHELL` prints: how each shell asks the command itself what a word may become.
 *
 * Each asks `caravan __complete SHELL -- ...` and gets lines: first what else may stand there (`none`,
 * `files`, `directories`), then a candidate a line. What was typed is handed over as it is, never run;
 * what is typed meanwhile stays the shell's.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof SHELLS)[number]

/** The verb that the scripts call. */
export const COMPLETE_VERB = '__complete'

/** bash 3.2, which macOS has, knows no `compopt`: there a space follows a directory of the image. */
const BASH = `# bash completion for caravan:  source <(caravan completion bash)

_caravan() {
  local answer kind line
  COMPREPLY=()
  answer=$(caravan ${COMPLETE_VERB} bash -- "\${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)
  kind=\${answer%%$'\\n'*}
  while IFS= read -r line; do
    [[ -n $line ]] && COMPREPLY+=("$line")
  done <<< "\${answer:\${#kind}+1}"
  type compopt >/dev/null 2>&1 || return 0
  case $kind in
    files) ;;
    directories) compopt +o default -o dirnames ;;
    *) compopt +o default ;;
  esac
  if [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == */ ]]; then compopt -o nospace; fi
}

complete -o default -F _caravan caravan
`

const ZSH = `#compdef caravan
# zsh completion for caravan: a file _caravan of $fpath, or  source <(caravan completion zsh)

_caravan() {
  local line value kind prefix
  local -a answer names shown open_names open_shown
  answer=("\${(@f)$(caravan ${COMPLETE_VERB} zsh -- "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  kind=\${answer[1]}
  for line in "\${(@)answer[2,-1]}"; do
    value=\${line%%$'\\t'*}
    if [[ $line == *$'\\t'* ]]; then line="$value -- \${line#*$'\\t'}"; fi
    if [[ $value == */ ]]; then
      open_names+=("$value") open_shown+=("$line")
    else
      names+=("$value") shown+=("$line")
    fi
  done
  case $kind in
    files) compset -P '--*='; _files ;;
    directories) compset -P '--*='; _files -/ ;;
    *)
      (( $#names )) && compadd -l -d shown -a names
      (( $#open_names )) && compadd -S '' -l -d open_shown -a open_names
      ;;
  esac
}

if [[ $funcstack[1] == _caravan ]]; then
  _caravan "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
  compdef _caravan caravan
fi
`

const FISH = `# fish completion for caravan: ~/.config/fish/completions/caravan.fish, or
#   caravan completion fish | source

function __caravan_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (caravan ${COMPLETE_VERB} fish -- $before[2..-1] "$current" 2>/dev/null </dev/null)
    set -l prefix (string match -r -- '^--[^=]*=' $current)
    set -l value (string replace -r -- '^--[^=]*=' '' $current)
    switch "$answer[1]"
        case files
            for path in (__fish_complete_path "$value")
                echo "$prefix$path"
            end
        case directories
            for path in (__fish_complete_directories "$value" '')
                echo "$prefix$path"
            end
        case '*'
            printf '%s\\n' $answer[2..-1]
    end
end

complete -c caravan -f -a '(__caravan_complete)'
`

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH }

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}
