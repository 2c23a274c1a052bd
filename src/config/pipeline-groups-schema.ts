import * as z from 'zod'
import { pattern, toggle } from './pipeline-values.ts'
import { duration, integer, text } from './values.ts'

/** Sections of a pipeline file about the groups and the map that they follow. */

export const groupsSchema = z
  .strictObject(
    {
      pollInterval: duration()
        .prefault('5 seconds')
        .describe('How often positions are read, translated and committed.'),
      consumerGroups: pattern('group names')
        .prefault('.*')
        .describe(
          'Groups to keep in step: a regular expression over the whole name, or a list of names, globs and ~regex.',
        ),
      offsetGuardPrefix: text()
        .min(1, 'expected at least one character')
        .prefault('k2k_')
        .describe('What the metadata of our commits begins with.'),
      followRewinds: toggle()
        .prefault('disabled')
        .describe('A group that was set back on the source is set back on the target too.'),
      overrideTargetCommits: toggle()
        .prefault('disabled')
        .describe('Positions that the application on the target committed by itself are replaced.'),
    },
    'expected the keys of groups',
  )
  .prefault({})
  .describe('Which groups are kept in step, and how.')

export const offsetMappingSchema = z
  .strictObject(
    {
      topic: text().prefault('__k2k_offset_mappings').describe('Topic of the offset map, on the target.'),
      retention: z
        .strictObject(
          {
            time: z
              .union([z.literal('topic'), duration()], 'expected "topic" or a duration')
              .prefault('topic')
              .describe(
                'How long mappings are kept in memory: "topic" (as long as the topic keeps them) or a duration.',
              ),
            count: integer(1).prefault(1000).describe('Mappings kept for each source partition.'),
            schedule: duration()
              .prefault('5 minutes')
              .describe('How often old ones are dropped from memory.'),
          },
          'expected time, count and schedule',
        )
        .prefault({})
        .describe('How much of the map is kept.'),
    },
    'expected topic and retention',
  )
  .prefault({})
  .describe('The offset map.')
