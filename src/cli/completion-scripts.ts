/** What may follow a command. */
export interface CompletionNode {
  /** Empty for the program itself, `restore finish` for a subcommand. */
  readonly path: string
  readonly words: readonly { readonly word: string; readonly summary: string }[]
  readonly flags: readonly { readonly word: string; readonly summary: string; readonly takesValue: boolean }[]
}

export const shells = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof shells)[number]

/** A script that completes commands and flags, and files after flags that take a value. */
export function completionScript(shell: Shell, nodes: readonly CompletionNode[]): string {
  switch (shell) {
    case 'bash':
      return bash(nodes)
    case 'zsh':
      return `#compdef kafka-backup\nautoload -U +X bashcompinit && bashcompinit\n${bash(nodes)}`
    case 'fish':
      return fish(nodes)
  }
}

function bash(nodes: readonly CompletionNode[]): string {
  const cases = nodes.map(({ path, words, flags }) => {
    const list = [...words, ...flags].map(({ word }) => word).join(' ')
    return `    '${path}') words='${list}' ;;`
  })
  const commands = nodes.filter(({ path }) => path !== '').map(({ path }) => `'${path}'`)
  const valued = [
    ...new Set(nodes.flatMap(({ flags }) => flags.filter((flag) => flag.takesValue)).map(({ word }) => word)),
  ]
  return `# completion of kafka-backup
_kafka_backup() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "\${path:+$path }$word" in
      ${commands.join('|')}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$previous" in
    ${valued.join('|')}|-c|-p) COMPREPLY=($(compgen -f -- "$current")); return ;;
  esac
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o filenames -F _kafka_backup kafka-backup
`
}

function fish(nodes: readonly CompletionNode[]): string {
  const lines = ['# completion of kafka-backup', 'complete -c kafka-backup -f']
  for (const { path, words, flags } of nodes) {
    const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
    const others =
      words.length === 0 ? [] : [`not __fish_seen_subcommand_from ${words.map(({ word }) => word).join(' ')}`]
    const condition = [...(path === '' ? [] : seen), ...others].join('; and ')
    const when = condition === '' ? '' : ` -n ${quoted(condition)}`
    for (const { word, summary } of words)
      lines.push(`complete -c kafka-backup${when} -a ${word} -d ${quoted(summary)}`)
    for (const { word, summary, takesValue } of flags) {
      const value = takesValue ? ' -r -F' : ''
      lines.push(
        `complete -c kafka-backup${when} -l ${word.replace(/^--/, '')}${value} -d ${quoted(summary)}`,
      )
    }
  }
  return `${lines.join('\n')}\n`
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
