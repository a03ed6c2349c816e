/**
 * Every consequence, in the order in which Moodle's listeners hear of an event: the log first.
 * At a last unenrolment, roles below the course go before grades, and those before the last access.
 */
import { caches } from './caches.ts'
import { communication } from './communication.ts'
import type { Consequence } from './consequence.ts'
import { forumSubscriptions } from './forum-subscriptions.ts'
import { grades } from './grades.ts'
import { groupConversations } from './group-conversations.ts'
import { lastAccess } from './last-access.ts'
import { linkedCourses } from './linked-courses.ts'
import { log } from './log.ts'
import { ltiUsers } from './lti-users.ts'
import { monitor } from './monitor.ts'
import { quizAttempts } from './quiz-attempts.ts'
import { recoveredGrades } from './recovered-grades.ts'
import { rolesBelowCourse } from './roles-below-course.ts'
import { welcomeMessage } from './welcome-message.ts'

export const consequences: readonly Consequence[] = [
  log,
  monitor,
  ltiUsers,
  rolesBelowCourse,
  // Written after what goes with a last enrolment, since it may come back within the chunk.
  recoveredGrades,
  grades,
  lastAccess,
  linkedCourses,
  forumSubscriptions,
  groupConversations,
  quizAttempts,
  welcomeMessage,
  communication,
  caches,
]
