/** JSON that keeps `bigint`: as `{"#":"123"}`. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'bigint' ? { '#': String(item) } : item,
  )
}

/** Reads what {@link toJson} wrote. Throws SyntaxError. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || !('#' in item)) return item
    const digits = item['#']
    return typeof digits === 'string' && Object.keys(item).length === 1 ? BigInt(digits) : item
  })
}
