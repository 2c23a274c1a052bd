/** The exit statuses of every command, repeated in each help text. */
export const exitStatuses = [
  [0, 'done'],
  [1, 'failed'],
  [2, 'usage or configuration'],
  [3, 'partly done'],
  [4, 'refused: active group, position moved, target not empty, damaged archive, would skip'],
  [5, 'verification found a difference'],
  [130, 'interrupted; the same command goes on where it stopped'],
] as const

export type ExitStatus = (typeof exitStatuses)[number][0]

/** As the help texts show them. */
export const exitStatusHelp = `Exit status:\n${exitStatuses
  .map(([status, meaning]) => `  ${String(status).padEnd(5)}${meaning}`)
  .join('\n')}`
