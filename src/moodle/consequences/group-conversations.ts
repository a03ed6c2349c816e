/** The conversation of a group with messaging: who joins and leaves the group joins and leaves it. */
import { emptyTable, insert, type Membership, remove, type Stored } from '../../plan/world.ts'
import { select, table } from '../connect.ts'
import { writable } from '../write.ts'
import type { Consequence } from './consequence.ts'

interface ConversationMember extends Stored {
  readonly conversationId: number
  readonly userId: number
}

export const groupConversations: Consequence = {
  name: 'group-conversations',
  follows: 'groups_add_member, groups_remove_member (\\core_message\\api::add_members_to_conversation, remove_…)',
  does: 'adds who joins a group to its conversation, and takes out who leaves it',
  prepare: async ({ moodle, userIds, courseIds, mayUnenrol, rows }, world) => {
    if (!mayUnenrol && rows.every(row => row.groupCommand === null)) return null
    const contextIds = courseIds.flatMap(id => world.coursesById.get(id)?.context?.id ?? [])
    if (contextIds.length === 0 || userIds.length === 0) return null
    const conversations = await select<[number, number]>(
      moodle,
      `SELECT id, itemid FROM ${table(moodle, 'message_conversations')}
        WHERE component = 'core_group' AND itemtype = 'groups' AND contextid IN (?)`,
      [contextIds],
    )
    if (conversations.length === 0) return null
    const ofGroup = new Map(conversations.map(([id, groupId]) => [groupId, id]))
    const joined = emptyTable<ConversationMember>()
    const members = new Map<string, ConversationMember[]>()
    for (const [id, conversationId, userId] of await select<[number, number, number]>(
      moodle,
      `SELECT id, conversationid, userid FROM ${table(moodle, 'message_conversation_members')}
        WHERE userid IN (?) AND conversationid IN (?)`,
      [userIds, conversations.map(([id]) => id)],
    )) {
      const key = `${conversationId}:${userId}`
      const same = members.get(key) ?? []
      same.push({ id, fate: 'stored', conversationId, userId })
      members.set(key, same)
    }
    const conversationOf = ({ group }: Membership): number | undefined =>
      group.id === null ? undefined : ofGroup.get(group.id)
    return {
      observer: {
        onEvent: event => {
          if (event.name !== 'group-member-added' && event.name !== 'group-member-removed') return
          const { membership } = event
          const conversationId = conversationOf(membership)
          if (conversationId === undefined) return
          const { userId } = membership
          const key = `${conversationId}:${userId}`
          const there = members.get(key) ?? []
          if (event.name === 'group-member-removed') {
            for (const member of there) remove(joined, member)
            members.delete(key)
          } else if (there.length === 0) {
            members.set(key, [insert(joined, { id: null, fate: 'new', conversationId, userId })])
          }
        },
      },
      tables: [
        {
          name: 'message_conversation_members',
          columns: ['conversationid', 'userid', 'timecreated'],
          rows: writable(joined, ({ conversationId, userId }) => ({
            conversationid: conversationId,
            userid: userId,
            timecreated: world.now,
          })),
        },
      ],
    }
  },
}
