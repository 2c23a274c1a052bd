import type { Plan } from '../../offsets/index.ts'
import type { Session } from '../session.ts'

/** Notices that are said one by one. */
const shown = 20

/** Says on stderr what there is to know of a plan that is about to be carried out. */
export function sayNotices({ notices }: Plan, session: Session): void {
  for (const { message } of notices.slice(0, shown)) session.log('warn', message)
  if (notices.length > shown) {
    session.log('warn', `${notices.length - shown} more notices: offset-reset plan shows them all`)
  }
}
