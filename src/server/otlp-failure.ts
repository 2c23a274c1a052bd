/** Why a collector did not take metrics, in words. Neither headers nor what it answered beyond its status are shown. */
export function otlpFailure(error: Error): string {
  const { code } = error as NodeJS.ErrnoException & { readonly code?: unknown }
  if (typeof code === 'number') return `it answers ${code} ${error.message}`.trimEnd()
  if (code?.startsWith('HPE_') === true) {
    return 'what answers does not speak HTTP (OTLP over HTTP is at port 4318 by default, over gRPC at 4317)'
  }
  if (error.message.includes('retryable status')) return 'it asks to be left alone for a while'
  // Where a name has several addresses, each with its own error, the whole has a code alone.
  return error.message || code || error.name
}
