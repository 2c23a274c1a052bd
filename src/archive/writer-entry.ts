import { hostname } from 'node:os'
import { packageVersion } from '../base/index.ts'
import { decodeWriter, encodeWriter } from './commit-json.ts'
import type { WriterEntry } from './commit-record.ts'
import { damaged } from './damaged.ts'
import { checkBackupId } from './identity.ts'
import { keys } from './keys.ts'
import { birthOf, processSpace } from './process-space.ts'
import { formatVersion, openJson, sealJson } from './sealed-json.ts'

const kind = 'tidemark-writer'

/** An object of `writers/`: what a run says of itself. */
export interface WriterBeat {
  readonly writer: WriterEntry
  readonly state: 'starting' | 'running' | 'ended'
  /** Ms since the epoch. */
  readonly beat: number
  readonly serial: number
  /** A commit and a checkpoint that exist: where to begin looking for newer ones. */
  readonly head: number
  readonly checkpoint: number
}

/** This process as the writer of a run. */
export function thisWriter(runId: string, started: number): WriterEntry {
  const { pid } = process
  const birth = birthOf(pid) ?? ''
  return { runId, host: hostname(), pid, space: processSpace(), birth, started, software: software() }
}

/** Name and version of this program. */
export function software(): string {
  return `tidemark/${packageVersion()}`
}

export function encodeBeat(beat: WriterBeat, backupId: string): Buffer {
  const { writer, state, beat: at, serial, head, checkpoint } = beat
  return sealJson({
    kind,
    format: formatVersion,
    backup_id: backupId,
    ...encodeWriter(writer),
    state,
    beat: at,
    serial,
    head,
    checkpoint,
  }).bytes
}

/** Throws ARCHIVE_DAMAGED or ARCHIVE_TOO_NEW. */
export function decodeBeat(bytes: Buffer, object: string, backupId: string): WriterBeat {
  const { fields } = openJson(bytes, object, kind)
  checkBackupId(fields.text('backup_id'), backupId, object)
  const writer = decodeWriter(fields)
  if (keys.writer(writer.runId) !== object) throw damaged(object, `belongs to the run ${writer.runId}`)
  return {
    writer,
    state: fields.oneOf('state', ['starting', 'running', 'ended']),
    beat: fields.count('beat'),
    serial: fields.count('serial'),
    head: fields.count('head'),
    checkpoint: fields.count('checkpoint'),
  }
}
