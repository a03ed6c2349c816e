/** What a command file says, as data: the types that leave `file/`. No I/O here or beside. */
import type { MessageArguments } from '../errors.ts'

export type Separator = ';' | ',' | ':' | '\t'

/** The columns that a header may have, in small letters. */
// biome-ignore format: one line per kind of column
export const COLUMNS = [
  'cmd', 'cid', 'uid', 'rolename', 'enrol', 'starttime', 'endtime',
  'gcmd', 'g1', 'g2', 'g3', 'g4', 'g5', 'g6', 'g7', 'g8', 'g9',
  'hidden',
] as const
export type Column = (typeof COLUMNS)[number]

export interface CsvOptions {
  readonly separator: Separator | 'auto'
  /** A label of the WHATWG encoding list. */
  readonly encoding: string
  /** Bytes of one record in the file, without its line end. */
  readonly maxRecordBytes: number
}

export type FileErrorCode =
  | 'bad-encoding'
  | 'record-too-long'
  | 'unterminated-quote'
  | 'empty-file'
  | 'header-unknown-column'
  | 'header-missing-column'
  | 'header-duplicate-column'
  | 'header-empty-column'
  | 'incomplete'

/** Why a whole file is refused. `column` is in small letters; `args` fill the sentence `file-error.<code>`. */
export interface FileError {
  readonly code: FileErrorCode
  readonly line?: number
  readonly column?: string
  readonly args: MessageArguments
}

export interface FileWarning {
  readonly code: 'column-ignored'
  readonly column: string
}

export interface Header {
  readonly columns: readonly Column[]
  readonly separator: Separator
  readonly line: number
  /** Where the header's record stands in the file, in bytes, without byte-order mark and line end. */
  readonly offset: number
  readonly length: number
}

export type Command = 'add' | 'shift' | 'del' | 'disable' | 'enable'
export type GroupCommand = 'gadd' | 'gaddcreate' | 'greplace' | 'greplacecreate' | 'gdel'

/** Errors of a row that can be told without looking into Moodle, in the order in which they count. */
export type ReadingErrorCode =
  | 'bad-quoting'
  | 'wrong-number-of-cells'
  | 'bad-command'
  | 'empty-user'
  | 'empty-course'
  | 'bad-time'

/** Where a record stands in its file. */
export interface Place {
  /** As an editor counts; of a record of several lines, the first. */
  readonly line: number
  /** In bytes, without the line end: the retry file is cut out of the original by these. */
  readonly offset: number
  readonly length: number
}

/** How a row is written, where its meaning does not tell: for who explains it. */
export interface Wording {
  /** undefined: there is no such column. */
  readonly command: string | undefined
  readonly start: string
  readonly end: string
  /** A cell is quoted. */
  readonly isQuoted: boolean
}

/** A line of the file that cannot be understood. `args` fill the sentence `row-error.<code>`. */
export interface UnreadableRow extends Place {
  readonly error: { readonly code: ReadingErrorCode; readonly args: MessageArguments }
  /** Where it was asked for. */
  readonly wording?: Wording
}

/** A line of the file that says something; whether Moodle knows whom and what it names is another matter. */
export interface CommandRow extends Place {
  readonly error?: undefined
  readonly command: Command
  readonly uid: string
  readonly cid: string
  readonly role: string
  /** The method's name; null where the file has no `enrol` column: roles only. An empty cell is `manual`. */
  readonly method: string | null
  /** Unix time in seconds; undefined where the cell is empty or there is no column. */
  readonly start: number | undefined
  /** Unix time in seconds, 0 is no end (an empty cell is 0 too); undefined where there is no column. */
  readonly end: number | undefined
  /** null: `gcmd` is empty and no group is named, or a group warning says why no group is to be touched. */
  readonly groupCommand: GroupCommand | null
  /** The cells g1 … g9 that are not empty, in their order. */
  readonly groups: readonly string[]
  readonly groupWarning: {
    readonly code: 'bad-group-command' | 'group-command-empty'
    readonly args: MessageArguments
  } | null
  /** Where it was asked for. */
  readonly wording?: Wording
}

export type Row = UnreadableRow | CommandRow
