import * as z from 'zod'
import { flag, text } from './values.ts'

const prefix = text().optional().describe('Everything lies below this prefix.')

const filesystem = z.strictObject({
  backend: z.literal('filesystem').describe('A folder.'),
  path: text().describe('Folder of the archive.'),
})

const s3 = z.strictObject({
  backend: z.literal('s3').describe('Amazon S3, or a server that speaks its protocol.'),
  bucket: text().describe('Name of the bucket.'),
  region: text().optional().describe('Region; else AWS_REGION.'),
  endpoint: text()
    .optional()
    .describe('URL of an S3-compatible server; implies path_style. Else AWS_ENDPOINT_URL.'),
  access_key: text().optional().describe('Access key id; else AWS_ACCESS_KEY_ID or what the AWS SDK finds.'),
  access_key_id: text().optional().describe('The same as access_key.'),
  secret_key: text()
    .optional()
    .describe('Secret key, best from a variable or a file; else AWS_SECRET_ACCESS_KEY.'),
  secret_access_key: text().optional().describe('The same as secret_key.'),
  session_token: text().optional().describe('Token of temporary credentials; else AWS_SESSION_TOKEN.'),
  prefix,
  path_style: flag().optional().describe('Bucket in the path instead of the host name.'),
  allow_http: flag().optional().describe('Allows an endpoint without TLS; an http:// endpoint implies it.'),
})

const azure = z.strictObject({
  backend: z.literal('azure').describe('Azure Blob Storage: known, refused when it is opened.'),
  account_name: text().describe('Storage account.'),
  container_name: text().describe('Container.'),
  account_key: text().optional().describe('Account key.'),
  prefix,
  endpoint: text().optional().describe('URL of another endpoint.'),
  use_workload_identity: flag().optional().describe('Log in by workload identity.'),
  client_id: text().optional().describe('Service principal or workload identity.'),
  tenant_id: text().optional().describe('Tenant of the service principal.'),
  client_secret: text().optional().describe('Secret of the service principal.'),
  sas_token: text().optional().describe('Shared access signature.'),
  use_emulator: flag().optional().describe('The local emulator.'),
  allow_http: flag().optional().describe('Allows an endpoint without TLS.'),
})

const gcs = z.strictObject({
  backend: z.literal('gcs').describe('Google Cloud Storage: known, refused when it is opened.'),
  bucket: text().describe('Name of the bucket.'),
  service_account_path: text()
    .optional()
    .describe('Key file of a service account; else the default credentials.'),
  prefix,
})

const memory = z.strictObject({ backend: z.literal('memory').describe('Memory of the process: for tests.') })

/** `storage`: where archives live. */
export const storageSchema = z.discriminatedUnion(
  'backend',
  [filesystem, s3, azure, gcs, memory],
  'expected backend: one of "filesystem", "s3", "azure", "gcs", "memory"',
)

/** A storage section after checking. */
export type StorageSection = z.output<typeof storageSchema>
