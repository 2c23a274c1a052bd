import * as z from 'zod'
import { toggle } from './pipeline-values.ts'
import { ignored } from './values.ts'

/** `features` of a pipeline file. */
export const featuresSchema = z
  .strictObject(
    {
      exactlyOnce: toggle()
        .prefault('enabled')
        .describe('Each record once on the target, through transactions; disabled: at least once.'),
      keepRecordCreationTimestamp: toggle()
        .prefault('enabled')
        .describe('Records keep their time; disabled: they get the time at which they are copied.'),
      checkKafkaConnectionOnStartup: ignored('both clusters are always connected to before any work'),
      headerReplication: toggle()
        .prefault('enabled')
        .describe('Records keep their headers; disabled: they lose them.'),
      schemaMapping: ignored('records are copied byte for byte: schema ids stay as they are'),
      autoCreateControlTopics: toggle()
        .prefault('disabled')
        .describe('Control topics that are missing are created; disabled: they are an error.'),
      autoCreateTopics: toggle()
        .prefault('enabled')
        .describe("Target topics that are missing are created with the source's partitions and settings."),
      validateControlTopicSettings: toggle()
        .prefault('enabled')
        .describe('Control topics whose settings would lose positions are an error.'),
      tracingHeaders: z
        .union(
          [
            toggle(),
            z.strictObject(
              {
                partition: toggle().optional().describe('The partition, in a header.'),
                offset: toggle().optional().describe('The offset, in a header.'),
                topic: toggle().optional().describe('The topic, in a header.'),
                pipeline: toggle().optional().describe('The name of the pipeline, in a header.'),
              },
              'expected enabled, disabled, or partition, offset, topic and pipeline with enabled or disabled',
            ),
          ],
          'expected enabled, disabled, or a section with partition, offset, topic and pipeline',
        )
        .prefault('disabled')
        .describe('Headers that say where a record comes from: all, none, or those that are named.'),
      followTopicConfigs: toggle()
        .prefault('enabled')
        .describe("Later changes of a source topic's settings are made on the target too."),
      bidirectionalReplication: toggle()
        .prefault('disabled')
        .describe(
          'Two pipelines copy the same topics both ways: records carry where they come from, and never go back there.',
        ),
      offsetMapping: toggle()
        .prefault('disabled')
        .describe('The copy publishes its offset map, for the sync of groups.'),
      applyMappingsGuard: toggle()
        .prefault('enabled')
        .describe(
          'Commits on the target never go back, never over a newer mapping, never over the own commits of the application; disabled: they do.',
        ),
      applyMappingsGuards: toggle().optional().describe('The same as applyMappingsGuard.'),
    },
    'expected the keys of features',
  )
  .describe('What is switched on.')
