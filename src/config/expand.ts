import { readFileSync } from 'node:fs'
import { fileReason, TidemarkError } from '../base/index.ts'

/** Where expansions take their values from. */
export interface ExpandSources {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Reads a text file; throws what `readFileSync` throws. */
  readonly readText: (path: string) => string
}

/** The process's environment and the filesystem. */
export const processSources: ExpandSources = Object.freeze({
  env: process.env,
  readText: (path: string) => readFileSync(path, 'utf8'),
})

/** Whether a text holds something to expand. */
export function hasExpansion(text: string): boolean {
  return text.includes('${')
}

/**
 * Expands `${VAR}` (environment; `${env:string:VAR}` means the same), `${VAR:-fallback}` (unset or empty) and `${file:/path}` (the file's text without its last
 * line break). `$${` stands for a literal `${`. Throws CONFIG_INVALID for a variable that is not set, FILE_NOT_READABLE for a
 * file that cannot be read; messages name the variable or the file, never a value.
 */
export function expandText(text: string, sources: ExpandSources): string {
  return text.replaceAll(/\$\$\{|\$\{([^}]*)\}/g, (whole, inner: string | undefined) => {
    if (inner === undefined) return '${'
    if (inner.startsWith('file:')) return fileText(inner.slice('file:'.length), sources)
    const [, name, fallback] = /^(?:env:[a-z]+:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner) ?? []
    if (name === undefined) {
      throw new TidemarkError('CONFIG_INVALID', `"${whole}" is neither \${VARIABLE} nor \${file:/path}`, {
        hint: 'Write $${ for a literal ${.',
      })
    }
    const value = sources.env[name]
    if (value !== undefined && (value !== '' || fallback === undefined)) return value
    if (fallback !== undefined) return fallback
    throw new TidemarkError('CONFIG_INVALID', `the environment variable ${name} is not set`, {
      hint: `Set ${name}, or give a fallback: \${${name}:-value}.`,
    })
  })
}

function fileText(path: string, sources: ExpandSources): string {
  try {
    return sources.readText(path).replace(/\r?\n$/, '')
  } catch (cause) {
    throw new TidemarkError('FILE_NOT_READABLE', `the file ${path} cannot be read: ${fileReason(cause)}`, {
      cause,
    })
  }
}
