import { readFileSync } from 'node:fs'

/** Put in by the build. */
declare const TIDEMARK_VERSION: string | undefined

/** Version of this package. */
export function packageVersion(): string {
  if (typeof TIDEMARK_VERSION !== 'undefined') return TIDEMARK_VERSION
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { readonly version: string }).version
}
