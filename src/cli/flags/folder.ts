import { resolve } from 'node:path'

/** A folder that the user named, whatever the current one is later. */
export function folderOf(name: string | undefined): string | undefined {
  return name === undefined ? undefined : resolve(name)
}
