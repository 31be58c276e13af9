/** When a server that ended by itself is started again. Pure. */

const WINDOW_MS = 180_000;
const MOST = 5;
const FIRST_MS = 500;

/** Remembers when the server ended by itself, and says how long to wait: ever longer, and not for ever. */
export class Crashes {
  #times: number[] = [];

  /** How many milliseconds to wait after a crash at `now`; undefined where starting again has proved useless. */
  delayAfter(now: number): number | undefined {
    this.#times = [...this.#times.filter((time) => now - time < WINDOW_MS), now];
    return this.#times.length > MOST ? undefined : FIRST_MS * 2 ** (this.#times.length - 1);
  }

  /** The person asked for a new start: what was does not count. */
  forget(): void {
    this.#times = [];
  }
}
