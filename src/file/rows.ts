/**
 * A record to a row: what its cells say, or the first thing that is wrong with them. Whether Moodle knows what they name is
 * not asked here.
 */
import type { MessageArguments } from '../errors.ts'
import { excerpt } from './excerpt.ts'
import type { CsvRecord } from './records.ts'
import { parseTime } from './time.ts'
import type {
  Column,
  Command,
  CommandRow,
  GroupCommand,
  Header,
  ReadingErrorCode,
  Row,
  Separator,
  UnreadableRow,
} from './types.ts'

/** The words of the `cmd` column, as they are to be written. */
export const COMMAND_WORDS = ['add', 'shift', 'del', 'delete', 'disable', 'suspend', 'enable'] as const
type CommandWord = (typeof COMMAND_WORDS)[number]

const COMMANDS: ReadonlyMap<string, Command> = new Map<CommandWord, Command>([
  ['add', 'add'],
  ['shift', 'shift'],
  ['del', 'del'],
  ['delete', 'del'],
  ['disable', 'disable'],
  ['suspend', 'disable'],
  ['enable', 'enable'],
])

/** The words of the `gcmd` column. */
export const GROUP_COMMAND_WORDS = [
  'gadd',
  'gaddcreate',
  'greplace',
  'greplacecreate',
  'gdel',
] as const satisfies readonly GroupCommand[]
const GROUP_COMMANDS: ReadonlySet<string> = new Set(GROUP_COMMAND_WORDS)
const isGroupCommand = (word: string): word is GroupCommand => GROUP_COMMANDS.has(word)

const GROUP_COLUMNS = ['g1', 'g2', 'g3', 'g4', 'g5', 'g6', 'g7', 'g8', 'g9'] as const satisfies readonly Column[]

export interface RowRules {
  /** What an empty `cmd` means, or none. */
  readonly defaultCommand: CommandWord
  /** Moodle's, by its IANA name. */
  readonly timeZone: string
  /** Whether rows are to tell how they are written. */
  readonly keepWording?: boolean
}

/** What reads the records below a header of these columns, that has this separator between them. */
export function rowReader(
  { columns, separator }: Pick<Header, 'columns' | 'separator'>,
  rules: RowRules,
): (record: CsvRecord) => Row {
  const place = (column: Column) => columns.indexOf(column)
  const [cmd, uid, cid, rolename] = [place('cmd'), place('uid'), place('cid'), place('rolename')]
  const [enrol, starttime, endtime] = [place('enrol'), place('starttime'), place('endtime')]
  const gcmd = place('gcmd')
  const groupPlaces = GROUP_COLUMNS.map(place).filter(i => i !== -1)
  /** A line may end early, but not before the last of the columns that must be there. */
  const fewestCells = Math.max(uid, cid, rolename) + 1
  const defaultCommand = COMMANDS.get(rules.defaultCommand)!

  return record => {
    const { cells, line, offset, length } = record
    const cell = (i: number) => cells[i] ?? ''
    const wording = rules.keepWording
      ? {
          wording: {
            command: cmd === -1 ? undefined : cell(cmd),
            start: cell(starttime),
            end: cell(endtime),
            isQuoted: record.isQuoted,
          },
        }
      : undefined
    const unreadable = (code: ReadingErrorCode, args: UnreadableRow['error']['args'] = {}): UnreadableRow => {
      return { error: { code, args }, line, offset, length, ...wording }
    }

    if (record.badQuoting) return unreadable('bad-quoting')
    if (cells.length > columns.length || cells.length < fewestCells) {
      return unreadable('wrong-number-of-cells', wrongNumber(cells, columns.length, separator))
    }
    const word = cell(cmd)
    const command = word === '' ? defaultCommand : COMMANDS.get(word)
    if (command === undefined) return unreadable('bad-command', { found: excerpt(word) })
    if (cell(uid) === '') return unreadable('empty-user')
    if (cell(cid) === '') return unreadable('empty-course')
    const start = cell(starttime) === '' ? undefined : parseTime(cell(starttime), rules.timeZone)
    if (start === null) return unreadable('bad-time', { column: 'starttime', found: excerpt(cell(starttime)) })
    const end = endtime === -1 ? undefined : cell(endtime) === '' ? 0 : parseTime(cell(endtime), rules.timeZone)
    if (end === null) return unreadable('bad-time', { column: 'endtime', found: excerpt(cell(endtime)) })

    const groups = groupPlaces.map(cell).filter(name => name !== '')
    const groupWord = cell(gcmd)
    return {
      command,
      uid: cell(uid),
      cid: cell(cid),
      role: cell(rolename),
      method: enrol === -1 ? null : cell(enrol) || 'manual',
      start,
      end,
      groupCommand: isGroupCommand(groupWord) ? groupWord : null,
      groups,
      groupWarning: groupWarningOf(groupWord, groups),
      line,
      offset,
      length,
      ...wording,
    }
  }
}

/** Separators that a file may have, and the bar, which it may not. */
const SEPARATORS = [';', ',', ':', '\t', '|'] as const

/** How many cells there are and should be, and what the cause is likely to be. */
function wrongNumber(cells: readonly string[], expected: number, separator: Separator): MessageArguments {
  const found = cells.length
  const [only = ''] = cells
  const other = SEPARATORS.find(one => one !== separator && only.split(one).length >= Math.min(3, expected)) ?? ''
  const likely =
    found > expected
      ? 'more'
      : found === 1 && only.includes(separator)
        ? 'quoted'
        : found === 1 && other !== ''
          ? 'separator'
          : 'fewer'
  return { found, expected, likely, separator, other }
}

function groupWarningOf(word: string, groups: readonly string[]): CommandRow['groupWarning'] {
  if (word === '') return groups.length === 0 ? null : { code: 'group-command-empty', args: {} }
  return isGroupCommand(word) ? null : { code: 'bad-group-command', args: { found: excerpt(word) } }
}
