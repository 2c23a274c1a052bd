import * as z from 'zod'
import { ignored } from './values.ts'

const everything = ignored('`verify` compares every record and every position')
const noEvidence = ignored('no evidence report is written; keep the output of `verify -o json`')
const noCall = ignored('nobody is called; use the exit code and `-o json`')

/** `checks` of a validation file. */
export const checksSchema = z.strictObject({
  message_count: z
    .strictObject({
      enabled: everything,
      mode: everything,
      sample_percentage: everything,
      topics: everything,
      fail_threshold: everything,
    })
    .optional()
    .describe('Counting records.'),
  offset_range: z
    .strictObject({
      enabled: everything,
      verify_high_watermark: everything,
      verify_low_watermark: everything,
    })
    .optional()
    .describe('Comparing offsets.'),
  consumer_group_offsets: z
    .strictObject({ enabled: everything, verify_all_groups: everything, groups: everything })
    .optional()
    .describe('Checking positions.'),
  custom_webhooks: noCall,
})

/** `evidence` of a validation file. */
export const evidenceSchema = z.strictObject({
  formats: noEvidence,
  signing: z
    .strictObject({ enabled: noEvidence, private_key_path: noEvidence, public_key_path: noEvidence })
    .optional()
    .describe('Signing.'),
  storage: z
    .strictObject({ prefix: noEvidence, retention_days: noEvidence })
    .optional()
    .describe('Where to.'),
})

/** `notifications` of a validation file. */
export const notificationsSchema = z.strictObject({
  slack: z.strictObject({ webhook_url: noCall }).optional().describe('Slack.'),
  pagerduty: z.strictObject({ integration_key: noCall, severity: noCall }).optional().describe('PagerDuty.'),
})

export const pitrTimestamp = ignored('the time window of the restore decides what is compared')
export const triggeredBy = ignored('no evidence report is written')
