/**
 * Every consequence, in the order in which Moodle's listeners hear of an event: the log first.
 * At a last unenrolment, roles below the course go before grades, and those before the last access.
 */
import { caches } from './caches.ts'
import type { Consequence } from './consequence.ts'
import { forumSubscriptions } from './forum-subscriptions.ts'
import { grades } from './grades.ts'
import { groupConversations } from './group-conversations.ts'
import { lastAccess } from './last-access.ts'
import { linkedCourses } from './linked-courses.ts'
import { log } from './log.ts'
import { quizAttempts } from './quiz-attempts.ts'
import { rolesBelowCourse } from './roles-below-course.ts'
import { welcomeMessage } from './welcome-message.ts'

export const consequences: readonly Consequence[] = [
  log,
  rolesBelowCourse,
  grades,
  lastAccess,
  linkedCourses,
  forumSubscriptions,
  groupConversations,
  quizAttempts,
  welcomeMessage,
  caches,
]
