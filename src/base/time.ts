/** Two clocks, never mixed: `Instant` measures spans and cannot be shown, `WallMs` can be shown and may jump. */

declare const instant: unique symbol
declare const wall: unique symbol

/** A point on this process's monotonic clock, in milliseconds. Meaningless on any other node. */
export type Instant = number & { readonly [instant]: true }

/** Wall clock time in milliseconds since 1970-01-01 UTC. May step forwards or backwards at any moment. */
export type WallMs = number & { readonly [wall]: true }

/** What the driver hands to every step: both clocks, read once. */
export interface Now {
  readonly mono: Instant
  readonly wall: WallMs
}

export const instantOf = (ms: number): Instant => ms as Instant
export const wallOf = (ms: number): WallMs => ms as WallMs

/** The instant `ms` milliseconds after `from` (before it, when negative). */
export const after = (from: Instant, ms: number): Instant => (from + ms) as Instant

/** Milliseconds from `from` to `to`; negative when `to` is the earlier one. */
export const elapsedMs = (from: Instant, to: Instant): number => to - from

/** The later of two instants. */
export const later = (a: Instant, b: Instant): Instant => (a > b ? a : b)

export const NEVER = Number.POSITIVE_INFINITY as Instant
