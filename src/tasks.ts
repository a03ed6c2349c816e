/**
 * What a person asks the running daemon for beside the run of a file: to see what one would do, and to take one back.
 * Both are done in turn with the files (`queue.ts`), by the same functions as on the command line.
 */
import { pipeline } from 'node:stream/promises'
import type { Config } from './config/config.ts'
import { isPassing } from './patience.ts'
import type { Task } from './queue.ts'
import { reportAsJson } from './report/json.ts'
import { undoAsJson } from './report/undo.ts'
import { run } from './run.ts'
import { replaceDurably } from './store/durable.ts'
import { type BegunUndo, end, type PersonsRequest } from './store/running.ts'
import type { Store } from './store/store.ts'
import { describeUpload, type Upload, uploadReport } from './store/uploads.ts'
import { undo } from './undo.ts'

/** What they work with. */
export interface TaskGround {
  /** Read when it comes to it: the page may change some of it. */
  readonly current: { readonly value: Config }
  readonly store: Store
}

/** A simulated run. Its report lies in `uploads/` (`store/uploads.ts`). @param path of the command file */
export function simulation(
  ground: TaskGround,
  upload: Omit<Upload, 'sha256'>,
  path: string,
  { startedBy, lang }: PersonsRequest,
): Task {
  const { id, name } = upload
  const work: Task['work'] = async (log, signal, onProgress) => {
    const { store, current } = ground
    await run(
      {
        id,
        name,
        path,
        namedAs: null,
        simulate: true,
        startedBy,
        approval: 'none',
        onProgress,
        signal,
        onReport: async (report, rows) => {
          await describeUpload(store, { ...upload, sha256: report.file.sha256 })
          await replaceDurably(uploadReport(store, id), stream => pipeline(reportAsJson(report, rows(), lang), stream))
        },
      },
      { config: current.value, store, log, lang },
    )
  }
  return { id, kind: 'simulation', name, startedBy, isPatient: false, work }
}

/** What taking a run back would do. */
export function simulatedUndo(ground: TaskGround, asked: BegunUndo): Task {
  const { id, name, undoes, request } = asked
  const { startedBy, lang } = request
  const work: Task['work'] = async (log, signal, onProgress) => {
    const { store, current } = ground
    await undo(
      {
        id,
        undoes,
        simulate: true,
        startedBy,
        onProgress,
        signal,
        onReport: async (report, lots) => {
          await describeUpload(store, { id, name, sha256: report.file.sha256, storedAs: null })
          await replaceDurably(uploadReport(store, id), stream => pipeline(undoAsJson(report, lots(), lang), stream))
        },
      },
      { config: current.value, store, log, lang },
    )
  }
  return { id, kind: 'undo', name, startedBy, isPatient: false, work }
}

/** Taking a run back. It is noted in `running/` before, so that it goes on after a crash. */
export function undoing(ground: TaskGround, asked: BegunUndo): Task {
  const { id, name, undoes, request } = asked
  const { startedBy, lang } = request
  const work: Task['work'] = async (log, signal, onProgress) => {
    const { store, current } = ground
    try {
      const { outcome } = await undo(
        { id, undoes, simulate: false, startedBy, onProgress, signal },
        { config: current.value, store, log, lang },
      )
      if (outcome === 'processed') await end(store, id)
    } catch (error) {
      // What will not pass is told to who has asked, and not tried again at the next start.
      if (!isPassing(error)) await end(store, id)
      throw error
    }
  }
  return { id, kind: 'undo', name, startedBy, isPatient: true, work }
}
