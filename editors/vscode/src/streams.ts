/** The one explanation that is shown, as its parts come in. Pure. */

import type { Outcome, StreamPart } from "./protocol.ts";

export interface Explanation {
  readonly id: string;
  readonly title: string;
  readonly uri: string;
  readonly text: string;
  /** Undefined while it is being written. */
  readonly outcome?: Outcome;
  readonly message?: string;
}

/**
 * What is shown after `part`. A new stream takes the place of the one before; parts of any other are of no interest
 * any more, and neither is what comes after an end.
 */
export function follow(current: Explanation | undefined, part: StreamPart): Explanation | undefined {
  if (part.state === "begin") return { id: part.id, title: part.title, uri: part.uri, text: "" };
  if (current === undefined || current.id !== part.id || current.outcome !== undefined) return current;
  if (part.state === "text") return { ...current, text: current.text + part.text };
  return { ...current, outcome: part.outcome, ...(part.message === null ? {} : { message: part.message }) };
}

/** `explanation` as it is left by a server that has gone: nothing more will come of it. */
export function abandoned(explanation: Explanation): Explanation {
  if (explanation.outcome !== undefined) return explanation;
  return { ...explanation, outcome: "failed", message: "The language server has gone; ask again." };
}
