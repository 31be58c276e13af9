/** What travels between the server and its editors beyond the protocol; ARCHITECTURE.md has the words for it. */

export const STATUS = "hearthline/status";
export const STREAM = "hearthline/stream";
export const INPUT = "hearthline/input";

export interface Status {
  readonly state: "starting" | "loading" | "ready" | "working" | "paused" | "off" | "problem";
  readonly message: string;
  readonly reason: string | null;
  readonly model: string | null;
  /** Share of the loading done, 0 to 1. */
  readonly progress: number | null;
}

/** One answer in the making. `id` is its work-done token as well: cancelling that stops it. */
export type StreamPart =
  | { readonly id: string; readonly state: "begin"; readonly title: string; readonly uri: string }
  | { readonly id: string; readonly state: "text"; readonly text: string }
  | { readonly id: string; readonly state: "end"; readonly outcome: Outcome; readonly message: string | null };

export type Outcome = "done" | "cancelled" | "failed";

/** What the server's commands that act at a place take. */
export interface Place {
  readonly uri: string;
  readonly range: Range;
  readonly version: number;
}

export interface Range {
  readonly start: { readonly line: number; readonly character: number };
  readonly end: { readonly line: number; readonly character: number };
}

/** The answer to `hearthline.stats`, as far as it is shown here. Shares from 0 to 1, null where nothing was counted. */
export interface Figures {
  readonly n_days: number;
  readonly n_requests: number;
  readonly n_shown: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly kept_share: number | null;
  readonly engine_free_share: number | null;
  readonly n_chars_taken: number;
  readonly latency_ms_p50: number | null;
  readonly latency_ms_p95: number | null;
}

/** One entry of `hearthline models list --json`, as far as it is shown here. */
export interface Model {
  readonly name: string;
  readonly roles: readonly string[];
  readonly download_bytes: number | null;
  readonly licence: string | null;
  readonly installed: boolean;
}
