import * as z from 'zod'
import { pattern } from './pipeline-values.ts'
import { bytes, duration, ignored, integer, text } from './values.ts'

/** Sections of a pipeline file that say what is copied, where to, and within which bounds. */

export const coordinationSchema = z
  .strictObject(
    {
      commit: z
        .strictObject(
          {
            topic: text()
              .prefault('__k2k_consumer-offsets')
              .describe(
                'Control topic on the target: positions of the copy, and what the sync has to remember.',
              ),
            syncTimeout: duration()
              .prefault('30 seconds')
              .describe('How long the control topic may take to be read.'),
            batchSize: ignored('a transaction is bounded by its time and its bytes'),
            batchTimeout: duration()
              .prefault('50 milliseconds')
              .describe(
                'Time between two commits of the copy under steady traffic; what comes after a pause is committed at once.',
              ),
            batchBytes: bytes(1 << 16)
              .prefault('16MiB')
              .describe('Bytes after which the copy commits before that.'),
          },
          'expected topic, syncTimeout, batchSize and batchTimeout',
        )
        .prefault({})
        .describe('Where the copy stands.'),
      assignment: z
        .strictObject({
          topic: ignored("partitions are shared out by Kafka's own group protocol"),
        })
        .optional()
        .describe('Who copies what.'),
    },
    'expected commit and assignment',
  )
  .prefault({})
  .describe('How copy and workers keep their place.')

export const stepSchema = z.strictObject(
  {
    source: z
      .strictObject(
        {
          name: text().optional().describe('Its name in messages.'),
          topic: pattern('topic names').describe(
            'Topics to copy: a regular expression over the whole name, or a list of names, globs and ~regex.',
          ),
          exclude: pattern('topic names').optional().describe('Topics left out, over topic.'),
        },
        'expected name, topic and exclude',
      )
      .optional()
      .describe('What is copied.'),
    sink: z
      .strictObject(
        {
          name: text().optional().describe('Its name in messages.'),
          topic: z
            .union(
              [
                text(),
                z.strictObject(
                  {
                    prefix: text().optional().describe('What goes before the name of the source topic.'),
                    suffix: text().optional().describe('What goes behind it.'),
                  },
                  'expected prefix and suffix',
                ),
              ],
              'expected "source", a name with {topic} in it, or a section with prefix and suffix',
            )
            .prefault('source')
            .describe('Name on the target: source, prefix and suffix, or a text with {topic} in it.'),
          partition: z
            .enum(['source', 'key'], 'expected "source" or "key"')
            .prefault('source')
            .describe('source: the partition that the record had; key: by its key, where the counts differ.'),
        },
        'expected name, topic and partition',
      )
      .optional()
      .describe('Where it goes.'),
  },
  'expected source or sink',
)

const change = (what: string) =>
  z
    .enum(['continue', 'hold', 'stop'], 'expected "continue", "hold" or "stop"')
    .prefault('continue')
    .describe(what)

export const sourceChangesSchema = z
  .strictObject(
    {
      gap: change('Records were deleted by retention before they were copied.'),
      truncated: change('The source lost records that had been copied.'),
      recreated: change('A topic was deleted and created again.'),
      lost: change('A topic or a partition is gone.'),
    },
    'expected gap, truncated, recreated and lost',
  )
  .prefault({})
  .describe(
    'What follows from changes that cost records: go on, leave the partition alone, or end the program. Told in any case.',
  )

export const limitsSchema = z
  .strictObject(
    {
      memory: bytes(1 << 20)
        .prefault('24MiB')
        .describe('Memory for record batches in all.'),
      bytesPerSecond: bytes().optional().describe('Bytes a second that are copied at most, by this worker.'),
      recordsPerSecond: integer(1).optional().describe('Records a second, likewise.'),
    },
    'expected memory, bytesPerSecond and recordsPerSecond',
  )
  .prefault({})
  .describe('Bounds of the copy.')
