import type { JsonValue } from './json-value.ts'

/** What files and plans say of share groups: their positions are start offsets. Groups of other types say nothing. */
export interface ShareMark {
  readonly type?: 'share' | undefined
}

/** The mark where it is needed. */
export function shareMark(isShare: boolean): ShareMark {
  return isShare ? { type: 'share' } : {}
}

/** The mark of an object in a file. Throws FILE_NOT_READABLE for any other type. */
export function readShareMark(object: JsonValue): ShareMark {
  const type = object.at('type')
  if (type.present) type.word(['share'])
  return shareMark(type.present)
}
