/** Runs in the explanation panel: draws what it is sent, and says which button was pressed. */

import type { Said, Shown } from "./html.ts";

declare function acquireVsCodeApi(): { postMessage(said: Said): void };

const host = acquireVsCodeApi();
const title = element("title");
const state = element("state");
const stop = element("stop");
const text = element("text");

const STATES = { done: "", cancelled: "stopped", failed: "failed" };
/** So close to the end counts as reading along: the page goes on scrolling by itself. */
const NEAR_PX = 40;

window.addEventListener("message", ({ data }: MessageEvent<Shown>) => draw(data));
stop.addEventListener("click", () => host.postMessage("stop"));
element("copy").addEventListener("click", () => host.postMessage("copy"));
text.addEventListener("click", follow);
host.postMessage("shown");

function draw(shown: Shown): void {
  const root = document.documentElement;
  const readsAlong = root.scrollHeight - root.scrollTop - root.clientHeight < NEAR_PX;
  title.textContent = shown.title;
  state.textContent = shown.message ?? (shown.outcome === null ? "writing…" : STATES[shown.outcome]);
  state.className = shown.outcome ?? "writing";
  stop.hidden = shown.outcome !== null;
  text.innerHTML = shown.html;
  if (readsAlong && shown.outcome === null) root.scrollTop = root.scrollHeight;
}

function follow(event: MouseEvent): void {
  const line = event.target instanceof Element ? event.target.closest("a")?.dataset.line : undefined;
  if (line === undefined) return;
  event.preventDefault();
  host.postMessage({ line: Number(line) });
}

function element(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}
