import { text as readAll } from 'node:stream/consumers'
import { TidemarkError } from '../base/index.ts'
import { readTextFile } from './text-file.ts'

/** The groups that a file names, `-` for standard input. Rejects with FILE_NOT_READABLE. */
export async function readGroupsFile(file: string): Promise<readonly string[]> {
  const text = file === '-' ? await readAll(process.stdin) : await readTextFile(file)
  const groups = groupsOf(text, file === '-' ? 'standard input' : file)
  if (groups.length > 0) return groups
  throw new TidemarkError('FILE_NOT_READABLE', `The groups file ${file} names no group`, {
    hint: 'Write one a line.',
  })
}

/**
 * Groups as texts: one a line, without the blanks around it; empty lines and those that begin with `#` count for nothing. Or a JSON
 * list, for names that a line cannot hold. Throws FILE_NOT_READABLE for JSON that is no list of texts.
 */
export function groupsOf(text: string, file: string): readonly string[] {
  const content = text.replace(/^\uFEFF/, '').trim()
  const groups = content.startsWith('[') ? listOf(content, file) : linesOf(content)
  return [...new Set(groups)]
}

function linesOf(content: string): readonly string[] {
  return content
    .split(/\r\n|[\r\n]/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
}

function listOf(content: string, file: string): readonly string[] {
  let list: unknown
  try {
    list = JSON.parse(content)
  } catch {
    // A group may be called `[a`: then it is no JSON.
    return linesOf(content)
  }
  if (Array.isArray(list) && list.every((name) => typeof name === 'string' && name !== '')) return list
  throw new TidemarkError('FILE_NOT_READABLE', `The groups file ${file} is JSON, but no list of names`, {
    hint: 'Write ["group-a", "group-b"], or one group a line.',
  })
}
