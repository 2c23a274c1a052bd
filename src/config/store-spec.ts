import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import type { StoreSpec } from '../storage/index.ts'
import type { Problems } from './problems.ts'
import type { StorageSection } from './storage-schema.ts'

/** The store of a `storage` section. Azure and Google Cloud Storage are known here and refused when they are opened. */
export function storeSpec(section: StorageSection, problems: Problems): StoreSpec {
  switch (section.backend) {
    case 'filesystem': {
      const { path } = section
      if (path === '') problems.add(['storage', 'path'], 'is empty: expected a folder')
      return {
        backend: 'filesystem',
        path: resolve(path.startsWith('~/') ? join(homedir(), path.slice(2)) : path),
      }
    }
    case 's3':
      return s3Spec(section, problems)
    case 'memory':
      return { backend: 'memory' }
    default:
      return { backend: section.backend }
  }
}

function s3Spec(section: Extract<StorageSection, { backend: 's3' }>, problems: Problems): StoreSpec {
  const { bucket, region, endpoint, path_style: pathStyle, allow_http: allowHttp } = section
  const accessKeyId = section.access_key ?? section.access_key_id
  const secretAccessKey = section.secret_key ?? section.secret_access_key
  const prefix = section.prefix?.replace(/^\/+|\/+$/g, '')
  if (bucket === '') problems.add(['storage', 'bucket'], 'is empty: expected the name of a bucket')
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    const missing = accessKeyId === undefined ? 'access_key' : 'secret_key'
    problems.add(['storage', missing], 'is missing: keys come in pairs', { hint: 'or give neither' })
  }
  return {
    backend: 's3',
    bucket,
    ...(prefix !== undefined && prefix !== '' && { prefix }),
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    ...(pathStyle !== undefined && { pathStyle }),
    ...(allowHttp !== undefined && { allowHttp }),
    ...(accessKeyId !== undefined && { accessKeyId }),
    ...(secretAccessKey !== undefined && { secretAccessKey }),
    ...(section.session_token !== undefined && { sessionToken: section.session_token }),
  }
}
