/** Closes what was opened, newest first, each whatever happens to the others. */
export class Closing {
  readonly #steps: { readonly name: string; readonly close: () => Promise<unknown> }[] = []

  add(name: string, close: () => Promise<unknown>): void {
    this.#steps.push({ name, close })
  }

  /** Throws what went wrong, all of it, after everything was tried. Idempotent. */
  async close(): Promise<void> {
    const errors: Error[] = []
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.close()
      } catch (cause) {
        errors.push(new Error(`closing ${step.name} failed`, { cause }))
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map(error => error.message).join('; '))
  }
}
