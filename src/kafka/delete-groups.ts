import type { Versions } from './api-choice.ts'
import { deleteGroupsV1, deleteGroupsV2 } from './client-library.ts'
import type { Coordinators } from './coordinators.ts'
import { type ItemResult, runBatch } from './item-batch.ts'
import { errorFromCode } from './protocol-errors.ts'
import type { Session } from './session.ts'
import type { Outcome } from './types.ts'

const versions = [deleteGroupsV2.api, deleteGroupsV1.api] as Versions<
  [groups: string[]],
  {
    readonly throttleTimeMs: number
    readonly results: readonly { readonly groupId: string; readonly errorCode: number }[]
  }
>
const groupNotFound = 69

/** Deletes groups with their positions. A group with members fails with GROUP_ACTIVE, a missing one with GROUP_NOT_FOUND. */
export async function deleteGroups(
  session: Session,
  coordinators: Coordinators,
  groups: readonly string[],
): Promise<Outcome<string, string>> {
  return runBatch<string, string>(session, {
    items: [...new Set(groups)],
    perRequest: 200,
    route: (open, round) => coordinators.route(open, round, (group) => group, 'delete groups'),
    send: async (connection, part, uncertain) => {
      const response = await session.request(connection, versions, [[...part]])
      return response.results.map(({ groupId: item, errorCode }): ItemResult<string, string> => {
        if (errorCode === 0 || (errorCode === groupNotFound && uncertain.has(item)))
          return { item, result: item }
        const doing = `delete group ${JSON.stringify(item)}`
        return { item, error: errorFromCode(errorCode, { doing, acl: 'Delete', group: item }) }
      })
    },
  })
}
