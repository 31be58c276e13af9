/** The walkthrough, and those of its steps that are done whoever did them: it waits for contexts of these names. */

import { commands } from "vscode";

export type Step = "running" | "ready";

const WALKTHROUGH = "hearthline.hearthline#start";

export class Steps {
  private readonly done = new Set<Step>();

  /** A step is done, or is not any more. */
  note(step: Step, isDone = true): void {
    if (isDone) this.done.add(step);
    else this.done.delete(step);
    void set(step, isDone);
  }

  /** Open the walkthrough. A context that was true before the workbench first knew of it would count for nothing. */
  async show(): Promise<void> {
    const steps = [...this.done];
    await Promise.all(steps.map((step) => set(step, false)));
    await commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH);
    await Promise.all(steps.map((step) => set(step, true)));
  }
}

function set(step: Step, isDone: boolean): Thenable<unknown> {
  return commands.executeCommand("setContext", `hearthline.${step}`, isDone);
}
