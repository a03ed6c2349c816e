/** The header: which columns a file has, or everything that is wrong with their names. */
import { excerpt } from './excerpt.ts'
import type { CsvRecord } from './records.ts'
import { COLUMNS, type Column, type FileError, type FileErrorCode } from './types.ts'

/** In the order in which they are reported missing. */
const REQUIRED_COLUMNS = ['rolename', 'cid', 'uid'] as const satisfies readonly Column[]

export interface HeaderNames {
  /** As many as the header has cells, if there are no errors. */
  readonly columns: readonly Column[]
  /** The faults, in the order of the header, then the missing columns. Each is told once; of very many, the first. */
  readonly errors: readonly FileError[]
}

/** Faults of names that are told: a header of a megabyte must not make reports and a mail of thirty. */
const MOST_TOLD = 100

/** Characters of a name that programs are told. */
const LONGEST_TOLD = 1_000

const known: ReadonlySet<string> = new Set(COLUMNS)
const isColumn = (name: string): name is Column => known.has(name)

/** Reads the names of the columns, which are matched without regard to case. */
export function readHeader(record: CsvRecord): HeaderNames {
  const columns: Column[] = []
  const errors: FileError[] = []
  const seen = new Set<string>()
  const doubled = new Set<string>()
  let hasEmpty = false
  const faultOf = (code: FileErrorCode, column: string): FileError => ({
    code,
    column: column.slice(0, LONGEST_TOLD),
    args: { line: record.line, column: excerpt(column) },
  })
  const fault = (code: FileErrorCode, column: string): void => {
    if (errors.length < MOST_TOLD) errors.push(faultOf(code, column))
  }

  record.cells.forEach((cell, i) => {
    const name = cell.toLowerCase()
    if (name === '') {
      if (!hasEmpty) errors.push({ code: 'header-empty-column', args: { line: record.line, position: i + 1 } })
      hasEmpty = true
    } else if (seen.has(name)) {
      if (!doubled.has(name)) fault('header-duplicate-column', name)
      doubled.add(name)
    } else if (isColumn(name)) {
      columns.push(name)
    } else {
      fault('header-unknown-column', name)
    }
    seen.add(name)
  })
  for (const column of REQUIRED_COLUMNS) if (!seen.has(column)) errors.push(faultOf('header-missing-column', column))
  return { columns, errors }
}
