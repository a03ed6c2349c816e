/**
 * Communication rooms (Matrix, for instance): who is to be in a course's room, and the tasks of Moodle's cron that see to it.
 * Rooms of groups are left alone: see below.
 */
import { type Course, change, type Enrolment, emptyTable, insert, type Stored } from '../../plan/world.ts'
import { type AdhocTask, adhocTaskRows } from '../adhoc-tasks.ts'
import { select, table } from '../connect.ts'
import { isTrue } from '../message-outputs.ts'
import type { Settings } from '../site.ts'
import { writable } from '../write.ts'
import type { Consequence, Needs } from './consequence.ts'

interface Room {
  /** Of the row of `communication`. */
  readonly id: number
  /** Whether its provider knows who is in it, or is but a link. */
  readonly hasMembers: boolean
}

interface RoomMember extends Stored {
  readonly roomId: number
  readonly userId: number
  synced: number
  deleted: number
}

const ADD = String.raw`\core_communication\task\add_members_to_room_task`
const REMOVE = String.raw`\core_communication\task\remove_members_from_room`
const UPDATE = String.raw`\core_communication\task\update_room_membership_task`

export const communication: Consequence = {
  name: 'communication',
  follows: String.raw`\core_communication\hook_listener (Moodle 4.2 and later)`,
  does: 'keeps the list of members of a course’s communication room, and queues the tasks by which Moodle’s cron brings the room in line; courses with a group mode, whose groups have rooms of their own, are left out with a warning in the log',
  prepare: async (needs, world) => {
    const { moodle, userIds, warn } = needs
    const rooms = await loadRooms(needs, world.coursesById)
    if (rooms.size === 0 || userIds.length === 0) return null
    const members = emptyTable<RoomMember>()
    const known = new Map<string, RoomMember[]>()
    for (const [id, roomId, userId, synced, deleted] of await select<[number, number, number, number, number]>(
      moodle,
      `SELECT id, commid, userid, synced, deleted FROM ${table(moodle, 'communication_user')}
        WHERE commid IN (?) AND userid IN (?) ORDER BY id`,
      [[...rooms.values()].map(({ id }) => id), userIds],
    )) {
      const key = `${roomId}:${userId}`
      known.set(key, [...(known.get(key) ?? []), { id, fate: 'stored', roomId, userId, synced, deleted }])
    }
    const tasks = emptyTable<AdhocTask>()

    /** The room that a change in a course concerns. */
    const roomOf = (course: Course): Room | undefined => {
      const room = rooms.get(course.id)
      if (room === undefined || course.groupMode === 0) return room
      // Moodle 4.5 fails halfway there, when a group has no room.
      warn(
        'group-rooms-unchanged',
        'a course with group mode has communication rooms: their members stay as they are',
        {
          course: course.id,
        },
      )
      return undefined
    }
    const queue = (className: string, { id }: Room): void => {
      insert(tasks, { id: null, fate: 'new', component: '', className, customData: () => ({ id }) })
    }
    const setMembers = (room: Room, userId: number, values: Partial<RoomMember>): void => {
      for (const member of known.get(`${room.id}:${userId}`) ?? []) change(members, member, values)
    }
    const add = ({ instance, userId }: Enrolment): void => {
      const room = roomOf(instance.course)
      if (!room?.hasMembers) return
      const key = `${room.id}:${userId}`
      if (known.has(key)) setMembers(room, userId, { deleted: 0 })
      else {
        known.set(key, [insert(members, { id: null, fate: 'new', roomId: room.id, userId, synced: 0, deleted: 0 })])
      }
      queue(ADD, room)
    }
    const remove = ({ instance, userId }: Enrolment): void => {
      const room = roomOf(instance.course)
      if (!room?.hasMembers) return
      setMembers(room, userId, { deleted: 1 })
      queue(REMOVE, room)
    }
    return {
      observer: {
        afterEnrolling: add,
        beforeUpdating: (enrolment, next) => {
          const isSuspended = next.status === 1 && enrolment.status !== 1
          const hasEnded = next.timeEnd !== enrolment.timeEnd && next.timeEnd !== 0 && next.timeEnd < world.now
          if (isSuspended || hasEnded) remove(enrolment)
          else add(enrolment)
        },
        beforeUnenrolling: remove,
        afterRoleChange: ({ course, userId }) => {
          const room = roomOf(course)
          if (room === undefined) return
          setMembers(room, userId, { synced: 0 })
          queue(UPDATE, room)
        },
        onEvent: event => {
          if (event.name === 'group-created') roomOf(event.group.course)
          else if (event.name === 'group-member-added' || event.name === 'group-member-removed') {
            roomOf(event.membership.group.course)
          }
        },
      },
      tables: [
        {
          name: 'communication_user',
          columns: ['commid', 'userid', 'synced', 'deleted'],
          mutable: ['synced', 'deleted'],
          rows: writable(members, ({ roomId, userId, synced, deleted }) => ({
            commid: roomId,
            userid: userId,
            synced,
            deleted,
          })),
        },
        adhocTaskRows(moodle, tasks, world.now),
      ],
    }
  },
}

/** The active rooms of the chunk's courses whose provider works, by course. */
async function loadRooms(
  { moodle, settings, courseIds, warn }: Needs,
  courses: ReadonlyMap<number, Course>,
): Promise<Map<number, Room>> {
  const rooms = new Map<number, Room>()
  if (!isTrue(settings('', 'enablecommunicationsubsystem')) || courseIds.length === 0) return rooms
  for (const [id, courseId, contextId, provider] of await select<[number, number, number, string]>(
    moodle,
    `SELECT id, instanceid, contextid, provider FROM ${table(moodle, 'communication')}
      WHERE instanceid IN (?) AND component = 'core_course' AND instancetype = 'coursecommunication' AND active = 1
      ORDER BY id`,
    [courseIds],
  )) {
    if (courses.get(courseId)?.context?.id !== contextId || rooms.has(courseId)) continue
    const hasMembers = membersOf(provider, settings)
    if (hasMembers === undefined) {
      warn('room-provider-unknown', 'a communication room is of a provider that is not known: it stays as it is', {
        provider,
      })
    } else if (hasMembers !== null) rooms.set(courseId, { id, hasMembers })
  }
  return rooms
}

/** Whether a provider knows members; null: it is disabled, or not set up; undefined: it is none of Moodle's own. */
function membersOf(provider: string, settings: Settings): boolean | null | undefined {
  if (provider !== 'communication_matrix' && provider !== 'communication_customlink') return undefined
  if (isTrue(settings(provider, 'disabled'))) return null
  if (provider === 'communication_customlink') return false
  const needed = ['matrixhomeserverurl', 'matrixaccesstoken', 'matrixelementurl']
  return needed.every(name => isTrue(settings(provider, name))) ? true : null
}
