import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Compares a text with a file that was agreed on. With `UPDATE_GOLDEN=1` the file is written instead: read the difference before it is committed. */
export async function holdsGolden(file: string, text: string): Promise<void> {
  if (process.env.UPDATE_GOLDEN === '1') {
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, text)
  }
  assert.equal(text, await readFile(file, 'utf8'))
}
