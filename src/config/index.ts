/**
 * config: YAML, environment and flags → checked, frozen options for the rooms.
 *
 *     read the file; parse YAML, remembering where each key stands
 *     expand ${VARIABLE} and ${file:/path} in every scalar          -- after parsing: values never change the structure
 *     put the flags of the command line over it
 *     check against the schema: unknown keys with the nearest match, wrong values with what was expected
 *     build options from each section that is right by itself; check what has to fit together
 *     all problems at once, with line and column; notes for keys that have no effect
 *
 * Every other part of the program takes its options as given: they are validated here, once. The schema is the one list of
 * keys; the JSON Schema for editors and `docs/config.md` are held to it.
 *
 * Not promised: that what an option names exists. Files with certificates are read here; brokers, buckets and topics are met
 * by the jobs. No secret is ever part of a message.
 */
export { clientPropertiesKey } from './client-properties-override.ts'
export type { ConfigNote } from './ignored-keys.ts'
export {
  type CheckedConfig,
  type Config,
  checkConfig,
  type LoadOptions,
  loadConfig,
  type Need,
} from './load-config.ts'
export {
  type CheckedPipeline,
  checkPipeline,
  checkPipelineFiles,
  loadPipeline,
  type MetricsChoice,
  type Pipeline,
  type PipelineOptions,
  type PipelineProgram,
} from './load-pipeline.ts'
export type { Override } from './overrides.ts'
export { pipelineJsonSchema } from './pipeline-schema.ts'
export { type ConfigProblem, problemText } from './problems.ts'
export { parseBytes, parseDuration, parseInstant } from './quantities.ts'
export { configJsonSchema } from './root-schema.ts'
export { splitList } from './values.ts'
