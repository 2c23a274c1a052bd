import { TidemarkError } from '../base/index.ts'
import type { ExpandSources } from './expand.ts'

/** How a bearer token is had: one of the three. */
export type TokenSource =
  | { readonly type: 'fixed'; readonly token: string }
  /** Read again each time: something else renews the file. */
  | { readonly type: 'file'; readonly path: string }
  /** OAuth 2.0 client credentials grant (RFC 6749, section 4.4). */
  | {
      readonly type: 'endpoint'
      readonly url: string
      readonly clientId: string
      readonly clientSecret: string
      readonly scope: string | undefined
    }

/** A function that gives a fresh token at each login. Rejects with AUTHENTICATION_FAILED; messages never hold a secret. */
export function tokenProvider(source: TokenSource, sources: ExpandSources): () => Promise<string> {
  switch (source.type) {
    case 'fixed':
      return async () => source.token
    case 'file':
      return async () => readToken(source.path, sources)
    case 'endpoint':
      return () => askEndpoint(source)
  }
}

function readToken(path: string, sources: ExpandSources): string {
  try {
    return sources.readText(path).trim()
  } catch (cause) {
    throw new TidemarkError('AUTHENTICATION_FAILED', `The token file ${path} cannot be read`, { cause })
  }
}

async function askEndpoint(source: Extract<TokenSource, { type: 'endpoint' }>): Promise<string> {
  const credentials = Buffer.from(
    `${encodeURIComponent(source.clientId)}:${encodeURIComponent(source.clientSecret)}`,
  ).toString('base64')
  const failed = (reason: string, cause?: unknown) =>
    new TidemarkError('AUTHENTICATION_FAILED', `The token endpoint ${source.url} gave no token: ${reason}`, {
      ...(cause !== undefined && { cause }),
    })
  let response: Response
  try {
    response = await fetch(source.url, {
      method: 'POST',
      headers: { authorization: `Basic ${credentials}`, accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(source.scope !== undefined && { scope: source.scope }),
      }),
      signal: AbortSignal.timeout(15_000),
    })
  } catch (cause) {
    throw failed('it cannot be reached', cause)
  }
  const answer: unknown = await response.json().catch(() => undefined)
  if (!response.ok) throw failed(`it answered with status ${response.status}`)
  const token = (answer as { readonly access_token?: unknown } | undefined)?.access_token
  if (typeof token !== 'string' || token === '') throw failed('its answer holds no access_token')
  return token
}
