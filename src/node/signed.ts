import type { Effect } from './machine.ts'

/** Every line of the log says which life of this node speaks. What has no lines, as most effects, is handed back as it is. */
export function signed(effects: readonly Effect[], incarnation: number): readonly Effect[] {
  let all: Effect[] | undefined
  effects.forEach((effect, place) => {
    const one = signedOne(effect, incarnation)
    if (one === effect) return
    all ??= [...effects]
    all[place] = one
  })
  return all ?? effects
}

function signedOne(effect: Effect, incarnation: number): Effect {
  if (effect.kind === 'log') return { ...effect, fields: { incarnation, ...effect.fields } }
  if (effect.kind !== 'persist') return effect
  const then = signed(effect.then, incarnation)
  const otherwise = effect.otherwise && signed(effect.otherwise, incarnation)
  if (then === effect.then && otherwise === effect.otherwise) return effect
  return { ...effect, then, ...(otherwise && { otherwise }) }
}
