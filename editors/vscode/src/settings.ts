/** From the settings of the editor to those the server is sent. Pure. */

/** Groups that are the extension's own. */
const OWN = new Set(["server"]);

/**
 * The section `hearthline` as the server knows it: without what belongs to the extension, and with whether the person
 * trusts this folder: while they do not, nothing of it is run.
 */
export function forServer(section: unknown, isTrusted: boolean): Record<string, unknown> {
  const given = typeof section === "object" && section !== null ? Object.entries(section) : [];
  const settings = Object.fromEntries(given.filter(([key]) => !OWN.has(key)));
  // A trusted folder leaves the question open: trust given to an editor at large is no leave to run what a model wrote.
  return isTrusted ? settings : { ...settings, workspace: { trusted: false } };
}
