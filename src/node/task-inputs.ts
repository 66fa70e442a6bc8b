import { unreachable } from '../base/assert.ts'
import type { Now } from '../base/time.ts'
import type { TasksEffect } from '../tasks/effects.ts'
import type { Tasks } from '../tasks/tasks.ts'
import type { SingleInput } from './machine.ts'

/** Inputs that concern only the tasks. */
export type TaskInput = Extract<
  SingleInput,
  {
    readonly kind:
      | 'request'
      | 'requests'
      | 'survey'
      | 'task-list'
      | 'schedules'
      | 'attempt-ended'
      | 'offer'
      | 'offer-withdrawn'
  }
>

/** Hands such an input to the tasks, and returns what they want done. */
export function takeTaskInput(tasks: Tasks, input: TaskInput, now: Now): readonly TasksEffect[] {
  switch (input.kind) {
    case 'request':
      return tasks.request(input.id, input.request, now)
    case 'requests':
      return tasks.requestAll(input.requests, now)
    case 'survey':
      return tasks.survey(input.id, input.question, now)
    case 'task-list':
      return tasks.taskList(input.name, input.specs, now)
    case 'schedules':
      tasks.schedules.configured(input.definitions)
      return []
    case 'attempt-ended':
      return tasks.attemptEnded(input.task, input.attempt, input.outcome, now)
    case 'offer':
      return tasks.offer(input.offer, input.types, input.places, now)
    case 'offer-withdrawn':
      tasks.withdrawOffer(input.offer)
      return []
    default:
      return unreachable(input)
  }
}
