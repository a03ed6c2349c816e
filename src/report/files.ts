/**
 * The files that a run leaves in the store: its report as text, as JSON and as a page, and the retry file. Their names are chosen,
 * and kept in the ledger, before they are written: written again after a crash, they are the same files.
 */
import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Config } from '../config/config.ts'
import { composeRetryFile } from '../file/retry.ts'
import type { Header, Place } from '../file/types.ts'
import type { Lang } from '../messages/say.ts'
import type { Undone } from '../moodle/undo-outcome.ts'
import type { RowResult } from '../plan/outcome.ts'
import { firstFree, replaceDurably, writeDurably } from '../store/durable.ts'
import { numbered, stamped } from '../store/names.ts'
import type { Store } from '../store/store.ts'
import { reportAsHtml } from './html.ts'
import { reportAsJson } from './json.ts'
import type { Report } from './report.ts'
import { reportAsText } from './text.ts'
import { type UndoReport, undoAsHtml, undoAsJson, undoAsText } from './undo.ts'

/** Paths in the store. */
export interface ReportFiles {
  readonly text: string
  readonly json: string
  /** Missing where an earlier version has chosen the names, which wrote no such file. */
  readonly html?: string
  /** null where no row failed. */
  readonly retry: string | null
  /** Where a file that is held will lie; null where it stays where it is, or none is held. */
  readonly held: string | null
}

/** Chooses names that are free. Only one run at a time does so for a Moodle. */
export async function chooseReportFiles(
  { folder }: Store,
  name: string,
  startedAt: Date,
  { retry, held }: { readonly retry: boolean; readonly held: boolean },
): Promise<ReportFiles> {
  return {
    text: await firstFree(folder.reports, stamped(name, startedAt, '.txt')),
    json: await firstFree(folder.reports, stamped(name, startedAt, '.json')),
    html: await firstFree(folder.reports, stamped(name, startedAt, '.html')),
    retry: retry ? await firstFree(folder.retry, stamped(name, startedAt)) : null,
    held: held ? await firstFree(folder.held, numbered(name)) : null,
  }
}

/** Writes the report of a file that was refused: it has no rows, and no run that it belongs to. */
export async function writeRefusal({ folder }: Store, report: Report, lang: Lang): Promise<void> {
  const { file, startedAt } = report
  async function* none(): AsyncGenerator<RowResult> {}
  const write = (ending: string, pieces: AsyncIterable<string>) =>
    writeDurably(folder.reports, stamped(file.name, startedAt, ending), stream => pipeline(pieces, stream))
  await write('.txt', reportAsText(report, none(), lang))
  await write('.json', reportAsJson(report, none(), lang))
  await write('.html', reportAsHtml(report, none, lang))
}

/**
 * Writes the files, the retry file first: a report never names one that is not there.
 * @param rows the run's rows, each time from the first
 * @param file the command file, which the failed rows are cut out of
 */
export async function writeReportFiles(
  files: ReportFiles,
  report: Report,
  rows: () => AsyncIterable<RowResult>,
  file: FileHandle,
  header: Header,
  { config, lang }: { readonly config: Config; readonly lang: Lang },
): Promise<void> {
  if (files.retry !== null) {
    const pieces = composeRetryFile(header, failedPlaces(rows()), config.csv.encoding, rangeReader(file))
    await replaceWith(files.retry, pieces)
  }
  await replaceWith(files.text, reportAsText(report, rows(), lang))
  if (files.html !== undefined) await replaceWith(files.html, reportAsHtml(report, rows, lang, files.json))
  await replaceWith(files.json, reportAsJson(report, rows(), lang))
}

/** Writes the report of an undo. @param lots what became of each, each time from the first */
export async function writeUndoReportFiles(
  files: ReportFiles,
  report: UndoReport,
  lots: () => AsyncIterable<Undone>,
  lang: Lang,
): Promise<void> {
  await replaceWith(files.text, undoAsText(report, lots(), lang))
  if (files.html !== undefined) await replaceWith(files.html, undoAsHtml(report, lots, lang, files.json))
  await replaceWith(files.json, undoAsJson(report, lots(), lang))
}

const replaceWith = (path: string, pieces: AsyncIterable<string | Uint8Array>): Promise<void> =>
  replaceDurably(path, stream => pipeline(pieces, stream))

async function* failedPlaces(rows: AsyncIterable<RowResult>): AsyncGenerator<Place> {
  for await (const { outcome, place } of rows) if (outcome === 'failed') yield place
}

const rangeReader =
  (file: FileHandle) =>
  async (offset: number, length: number): Promise<Uint8Array> => {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset)
    return buffer.subarray(0, bytesRead)
  }
