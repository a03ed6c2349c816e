import { describe, expect, test } from 'vitest'
import { MOODLE_VERSIONS } from '../../src/demo/school.ts'
import { freshSchool } from '../database.ts'

const columns = `SELECT table_name AS t, GROUP_CONCAT(column_name ORDER BY column_name) AS c
  FROM information_schema.columns WHERE table_schema = DATABASE() GROUP BY table_name`

describe('the school', () => {
  test('every context has the path of its parent, and its own id at the end', async () => {
    const school = await freshSchool()
    const wrong = await school.query(
      `SELECT c.id, c.path, c.depth FROM {context} c
         LEFT JOIN {context} p ON c.path = CONCAT(p.path, '/', c.id)
        WHERE (p.id IS NULL AND c.path <> '/1') OR c.depth <> LENGTH(c.path) - LENGTH(REPLACE(c.path, '/', ''))`,
    )
    expect(wrong).toEqual([])
  })

  test('a course lies in the context of its category, an activity in that of its course', async () => {
    const school = await freshSchool()
    const wrong = await school.query(
      `SELECT c.id FROM {course} c
         JOIN {context} x ON x.contextlevel = 50 AND x.instanceid = c.id
         LEFT JOIN {context} p ON p.contextlevel = 40 AND p.instanceid = c.category
        WHERE c.category <> 0 AND (p.id IS NULL OR x.path <> CONCAT(p.path, '/', x.id))
       UNION ALL
       SELECT m.id FROM {course_modules} m
         JOIN {context} p ON p.contextlevel = 50 AND p.instanceid = m.course
         LEFT JOIN {context} x ON x.contextlevel = 70 AND x.instanceid = m.id
        WHERE x.id IS NULL OR x.path <> CONCAT(p.path, '/', x.id)`,
    )
    expect(wrong).toEqual([])
  })

  test('a clone is the same as a school that is loaded', async () => {
    const [cloned, loaded] = [await freshSchool(), await freshSchool({ prefix: 'm2_' })]
    for (const table of ['user', 'context', 'enrol', 'user_enrolments', 'groups_members', 'config']) {
      expect(await cloned.query(`SELECT * FROM {${table}} ORDER BY id`)).toEqual(
        await loaded.query(`SELECT * FROM {${table}} ORDER BY id`),
      )
    }
  })

  test.for(MOODLE_VERSIONS)('version %s says that it is', async version => {
    const school = await freshSchool({ version })
    const [release] = await school.query<{ value: string }>(`SELECT value FROM {config} WHERE name = 'release'`)
    expect(release?.value.startsWith(`${version}`)).toBe(true)
  })

  test('versions differ in their columns as Moodle does', async () => {
    const of = async (version: (typeof MOODLE_VERSIONS)[number]): Promise<Map<string, string>> => {
      const school = await freshSchool({ version })
      const rows = await school.query<{ t: string; c: string }>(columns)
      return new Map(rows.map(({ t, c }) => [t, c]))
    }
    const [v39, v41, v45, v50] = [await of('3.9'), await of('4.1'), await of('4.5'), await of('5.0')]
    expect(v39.get('mdl_groups')).toContain('hidepicture')
    expect(v41.get('mdl_groups')).not.toMatch(/hidepicture|visibility/)
    expect(v45.get('mdl_groups')).toMatch(/participation.*visibility/)
    expect(v39.get('mdl_task_adhoc')).not.toContain('timecreated')
    expect(v41.get('mdl_task_adhoc')).toMatch(/blocking.*timecreated/)
    expect(v45.get('mdl_task_adhoc')).not.toContain('blocking')
    expect(v41.has('mdl_communication')).toBe(false)
    expect(v45.has('mdl_communication_user')).toBe(true)
    expect(v45.get('mdl_grade_grades')).not.toContain('deductedmark')
    expect(v50.get('mdl_grade_grades')).toContain('deductedmark')
  })
})
