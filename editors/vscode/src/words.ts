/** What the status bar and its menu say. Pure. */

import type { Figures, Model, Status } from "./protocol.ts";

export interface Shown {
  readonly text: string;
  readonly hover: string;
  readonly severity: "none" | "warning" | "error";
}

/** Reasons that belong to typing itself; naming them would only flicker. */
const PASSING = new Set(["cancelled", "stale", "nothingToAdd"]);

/** How `status` is put. The icon tells the state at a glance, the hover tells the reason in words. */
export function shown(status: Status): Shown {
  const model = status.model === null ? "" : `\n\nModel: ${status.model}`;
  const hover = `Hearthline: ${status.message}${model}\n\nClick for what you can do.`;
  const severity = status.state === "problem" ? "error" : status.state === "paused" ? "warning" : "none";
  return { text: `${icon(status)} Hearthline${detail(status)}`, hover, severity };
}

function icon(status: Status): string {
  switch (status.state) {
    case "starting":
    case "loading":
      return "$(loading~spin)";
    case "working":
      return "$(sync~spin)";
    case "paused":
      return "$(debug-pause)";
    case "off":
      return "$(circle-slash)";
    case "problem":
      return "$(error)";
    case "ready":
      return isSilent(status) ? "$(flame)" : "$(info)";
  }
}

function detail(status: Status): string {
  switch (status.state) {
    case "loading":
      return status.progress === null ? ": loading" : `: loading ${Math.round(status.progress * 100)} %`;
    case "paused":
    case "off":
    case "problem":
    case "starting":
      return `: ${status.state}`;
    default:
      return "";
  }
}

function isSilent(status: Status): boolean {
  return status.reason === null || PASSING.has(status.reason);
}

/** One row of a list that is read: what was counted, and the count. */
export interface Row {
  readonly label: string;
  readonly description: string;
}

/** The rows that tell `figures`; one that says so where nothing was counted yet. */
export function figureRows(figures: Figures): readonly Row[] {
  if (figures.n_requests === 0) {
    return [{ label: `Nothing was counted in the last ${figures.n_days} days`, description: "type, and it will be" }];
  }
  const outcomes = Object.entries(figures.outcomes).map(([name, count]) => ({
    label: `    ${name}`,
    description: `${count}  ${percent(count, figures.n_shown)}`,
  }));
  return [
    { label: "Suggestions shown", description: `${figures.n_shown} in ${figures.n_days} days` },
    ...outcomes,
    { label: "Still there after 30 s", description: `${share(figures.kept_share)} of those taken` },
    { label: "Characters not typed", description: `${figures.n_chars_taken}` },
    { label: "Answered without the engine", description: share(figures.engine_free_share) },
    {
      label: "Wait, median and worst of 20",
      description: `${ms(figures.latency_ms_p50)}, ${ms(figures.latency_ms_p95)}`,
    },
  ];
}

/** What stands beside a model's name in the list to choose from. */
export function modelDescription(model: Model, current: string): string {
  const size = model.download_bytes === null ? "" : `, ${gigabytes(model.download_bytes)} to fetch`;
  const where = model.installed ? "on this machine" : `not on this machine${size}`;
  return model.name === current ? `${where}, in use` : where;
}

export function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}

function percent(part: number, whole: number): string {
  return share(whole === 0 ? null : part / whole);
}

function share(value: number | null): string {
  return value === null ? "-" : `${Math.round(100 * value)} %`;
}

function ms(value: number | null): string {
  return value === null ? "-" : `${Math.round(value)} ms`;
}
