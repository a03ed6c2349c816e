/**
 * The ledger of runs: how far each one is, in Moodle's own database server, so that a chunk's changes and the checkpoint
 * behind them are one commit. Its tables have no prefix of Moodle's, so that Moodle's schema check never sees them.
 */
import type { ResultSetHeader } from 'mysql2/promise'
import { EXIT, Problem } from '../errors.ts'
import type { ReportFiles } from '../report/files.ts'
import { type Moodle, select } from './connect.ts'

/**
 * Every change of the ledger's tables, in order, never edited: the first ones are done already on a site that has them.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE syncd_run (
     id CHAR(36) CHARACTER SET ascii NOT NULL,
     moodle VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL COMMENT 'prefix of the Moodle that the run writes to',
     file_name VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL,
     sha256 CHAR(64) CHARACTER SET ascii NOT NULL,
     state VARCHAR(16) CHARACTER SET ascii NOT NULL COMMENT 'running, reporting, finished, held',
     fence INT UNSIGNED NOT NULL COMMENT 'counts who took the run up; a chunk of an earlier one is not committed',
     started_at BIGINT NOT NULL COMMENT 'milliseconds',
     rows_done INT UNSIGNED NOT NULL,
     last_offset BIGINT UNSIGNED NULL COMMENT 'of the last row that is done, in bytes',
     last_line INT UNSIGNED NULL,
     outcomes_bytes BIGINT UNSIGNED NOT NULL COMMENT 'what lies behind in the file of outcomes was not committed',
     report_files TEXT CHARACTER SET utf8mb4 NULL COMMENT 'JSON: where the report is written to',
     PRIMARY KEY (id), KEY (started_at)
   ) ENGINE=InnoDB`,
  `ALTER TABLE syncd_run
     ADD COLUMN journal_bytes BIGINT UNSIGNED NULL COMMENT 'what lies behind in the journal was not committed; null: there is none',
     ADD COLUMN undoes CHAR(36) CHARACTER SET ascii NULL COMMENT 'the run that this one takes back',
     ADD KEY (undoes)`,
]

/** A change of tables commits by itself: a crash may leave it done, and not noted. */
const DONE_ALREADY: ReadonlySet<string> = new Set(['ER_TABLE_EXISTS_ERROR', 'ER_DUP_FIELDNAME'])

/** Makes the ledger's tables, or brings them up to date. */
export async function migrateLedger(moodle: Moodle): Promise<void> {
  try {
    const [there] = await select(
      moodle,
      "SELECT 1 FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'syncd_migration'",
    )
    if (there === undefined) {
      await moodle.connection.query(
        'CREATE TABLE IF NOT EXISTS syncd_migration (number INT NOT NULL PRIMARY KEY) ENGINE=InnoDB',
      )
    }
    const done = new Set(
      (await select<[number]>(moodle, 'SELECT number FROM syncd_migration')).map(([number]) => number),
    )
    for (const [number, statement] of MIGRATIONS.entries()) {
      if (done.has(number)) continue
      await moodle.connection.query(statement).catch((error: { readonly code?: string }) => {
        if (!DONE_ALREADY.has(error.code ?? '')) throw error
      })
      await moodle.connection.query('INSERT IGNORE INTO syncd_migration (number) VALUES (?)', [number])
    }
  } catch (error) {
    const { code, message } = error as { code?: string; message: string }
    if (code !== 'ER_TABLEACCESS_DENIED_ERROR' && code !== 'ER_DBACCESS_DENIED_ERROR') throw error
    throw new Problem('ledger-denied', { reason: message }, EXIT.configuration, error)
  }
}

/** A run that has been taken up: who holds it, and from where it goes on. */
export interface Lease {
  readonly id: string
  readonly fence: number
  readonly startedAt: Date
  /** `held`: nothing was done, and nothing will be. */
  readonly state: 'running' | 'reporting' | 'finished' | 'held'
  readonly rowsDone: number
  /** Where the last row that is done stands; null where none is. */
  readonly last: { readonly offset: number; readonly line: number } | null
  readonly outcomesBytes: number
  /** null: what it takes to go back is not kept, or not any more. */
  readonly journalBytes: number | null
  /** Chosen before they are written, so that writing them again writes the same. */
  readonly reportFiles: ReportFiles | null
}

/**
 * Takes a run up: a new one, or one that was interrupted, which goes on behind its checkpoint. Whoever held it before can
 * commit nothing more to it.
 */
export async function takeUp(
  moodle: Moodle,
  run: {
    readonly id: string
    readonly name: string
    readonly sha256: string
    readonly startedAt: Date
    /** The run that it takes back. */
    readonly undoes?: string
  },
): Promise<Lease> {
  await moodle.connection.query(
    `INSERT INTO syncd_run
       (id, moodle, file_name, sha256, state, fence, started_at, rows_done, outcomes_bytes, journal_bytes, undoes)
     VALUES (?, ?, ?, ?, 'running', 1, ?, 0, 0, 0, ?) ON DUPLICATE KEY UPDATE fence = fence + 1`,
    [run.id, moodle.prefix, run.name, run.sha256, run.startedAt.getTime(), run.undoes ?? null],
  )
  const [row] = await select<
    [string, number, number, Lease['state'], number, number | null, number | null, number, number | null, string | null]
  >(
    moodle,
    `SELECT sha256, fence, started_at, state, rows_done, last_offset, last_line, outcomes_bytes, journal_bytes, report_files
       FROM syncd_run WHERE id = ?`,
    [run.id],
  )
  if (row === undefined) throw new Problem('run-taken-over', { run: run.id }, EXIT.tryLater)
  const [sha256, fence, startedAt, state, rowsDone, offset, line, outcomesBytes, journalBytes, files] = row
  // The name of a run belongs to one content; another file under it is another run.
  if (sha256 !== run.sha256) throw new Problem('file-exchanged', { file: run.name, run: run.id }, EXIT.tryLater)
  return {
    id: run.id,
    fence,
    startedAt: new Date(startedAt),
    state,
    rowsDone,
    last: offset === null || line === null ? null : { offset, line },
    outcomesBytes,
    journalBytes,
    reportFiles: files === null ? null : (JSON.parse(files) as ReportFiles),
  }
}

/** How far a run is: where the rows end that are done, and what was kept of them. */
export interface Checkpoint {
  /** So many more. */
  readonly rows: number
  readonly last: { readonly offset: number; readonly line: number }
  readonly outcomesBytes: number
  readonly journalBytes: number | null
}

/** Moves the checkpoint, in the transaction of the chunk that it stands behind. */
export async function moveCheckpoint(moodle: Moodle, lease: Lease, to: Checkpoint): Promise<void> {
  await change(
    moodle,
    lease,
    'rows_done = rows_done + ?, last_offset = ?, last_line = ?, outcomes_bytes = ?, journal_bytes = ?',
    [to.rows, to.last.offset, to.last.line, to.outcomesBytes, to.journalBytes],
  )
}

/** All rows are done, and these files are about to be written. */
export async function beginReport(moodle: Moodle, lease: Lease, files: ReportFiles): Promise<void> {
  await change(moodle, lease, "state = 'reporting', report_files = ?", [JSON.stringify(files)])
}

/** The file is about to be held, with these files: nothing of it is done. */
export async function beginHolding(moodle: Moodle, lease: Lease, files: ReportFiles): Promise<void> {
  await change(moodle, lease, 'report_files = ?', [JSON.stringify(files)])
}

/** @param also is done in the same transaction */
export async function finishRun(
  moodle: Moodle,
  lease: Lease,
  as: 'finished' | 'held',
  also: () => Promise<void> = async () => {},
): Promise<void> {
  const { connection } = moodle
  await connection.query('START TRANSACTION')
  try {
    await also()
    await change(moodle, lease, 'state = ?', [as])
    await connection.query('COMMIT')
  } catch (error) {
    await connection.query('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Of these runs, those that have come to their end. */
export async function finishedAmong(moodle: Moodle, ids: readonly string[]): Promise<Set<string>> {
  const rows = await select<[string]>(moodle, "SELECT id FROM syncd_run WHERE state = 'finished' AND id IN (?)", [ids])
  return new Set(rows.map(([id]) => id))
}

/** Whether a file of exactly this content was held, and may be released. */
export async function isHeld(moodle: Moodle, sha256: string): Promise<boolean> {
  const found = await select(
    moodle,
    "SELECT 1 FROM syncd_run WHERE moodle = ? AND sha256 = ? AND state = 'held' LIMIT 1",
    [moodle.prefix, sha256],
  )
  return found.length > 0
}

/** @throws Problem 75 where another host has taken the run up meanwhile */
async function change(moodle: Moodle, lease: Lease, set: string, values: readonly unknown[]): Promise<void> {
  const [{ affectedRows }] = await moodle.connection.query<ResultSetHeader>(
    // The driver asks for the rows that were found, so that one whose values stay the same counts, too.
    `UPDATE syncd_run SET ${set} WHERE id = ? AND fence = ?`,
    [...values, lease.id, lease.fence],
  )
  if (affectedRows !== 1) throw new Problem('run-taken-over', { run: lease.id }, EXIT.tryLater)
}

/** What the ledger knows of a run that somebody asks for. */
export interface LedgerEntry {
  readonly id: string
  readonly name: string
  readonly sha256: string
  readonly state: Lease['state']
  readonly startedAt: Date
  readonly rowsDone: number
  readonly journalBytes: number | null
  readonly undoes: string | null
}

const ENTRY = 'id, file_name, sha256, state, started_at, rows_done, journal_bytes, undoes'

/** No run yet, or none since there are journals. */
const NO_SUCH_LEDGER: ReadonlySet<string> = new Set(['ER_NO_SUCH_TABLE', 'ER_BAD_FIELD_ERROR'])

async function entries(moodle: Moodle, where: string, values: readonly unknown[]): Promise<LedgerEntry[]> {
  try {
    const rows = await select<[string, string, string, Lease['state'], number, number, number | null, string | null]>(
      moodle,
      `SELECT ${ENTRY} FROM syncd_run WHERE moodle = ? AND ${where} ORDER BY started_at DESC`,
      [moodle.prefix, ...values],
    )
    return rows.map(([id, name, sha256, state, startedAt, rowsDone, journalBytes, undoes]) => ({
      id,
      name,
      sha256,
      state,
      startedAt: new Date(startedAt),
      rowsDone,
      journalBytes,
      undoes,
    }))
  } catch (error) {
    if (NO_SUCH_LEDGER.has((error as { code?: string }).code ?? '')) return []
    throw error
  }
}

/** The runs whose id begins so. */
export const runsBeginning = (moodle: Moodle, id: string): Promise<LedgerEntry[]> =>
  entries(moodle, 'LEFT(id, ?) = ?', [id.length, id])

/** The runs that have not come to their end: running now, to be gone on with, or given up. The newest first. */
export const unfinishedRuns = (moodle: Moodle): Promise<LedgerEntry[]> =>
  entries(moodle, "state IN ('running', 'reporting')", [])

/** The runs that take a run back, the newest first. */
export const undosOf = (moodle: Moodle, id: string): Promise<LedgerEntry[]> => entries(moodle, 'undoes = ?', [id])

/** The length of what is kept of a run to go back; null: none. */
export async function journalBytesOf(moodle: Moodle, { id }: Lease): Promise<number | null> {
  const [[bytes] = [null]] = await select<[number | null]>(moodle, 'SELECT journal_bytes FROM syncd_run WHERE id = ?', [
    id,
  ])
  return bytes
}

/** Sees to it that who has begun a run, and not ended it, cannot go on with it. */
export async function bar(moodle: Moodle, id: string): Promise<void> {
  await moodle.connection.query("UPDATE syncd_run SET fence = fence + 1 WHERE id = ? AND state <> 'finished'", [id])
}
