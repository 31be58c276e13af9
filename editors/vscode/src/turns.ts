/** Work that must never overlap and need not be repeated: restarts. */

/**
 * Runs `work` once for each request, one after the other. Requests that come while one waits its turn share it, so that
 * ten changed settings are one restart.
 */
export class Turns {
  readonly #work: () => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;

  constructor(work: () => Promise<void>) {
    this.#work = work;
  }

  /** Resolves when a run that began after this call has ended; rejects as that run did. */
  request(): Promise<void> {
    if (this.#waiting === undefined) {
      const turn = this.#running.then(() => {
        this.#waiting = undefined;
        return this.#work();
      });
      this.#waiting = turn;
      this.#running = turn.catch(() => undefined);
    }
    return this.#waiting;
  }
}
