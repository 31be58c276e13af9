// A reporter for Node's test runner: how each test went, one JSON object a line. level: 0 for the file's own.

const DENIED = new Set(["EROFS", "EACCES", "EPERM", "ENETUNREACH", "EAI_AGAIN", "ENOTFOUND", "ERR_HEARTHLINE"]);
const MOST_WORDS = 1500;

function verdictOf(event) {
  const { skip, todo, details } = event.data;
  if (event.type === "test:pass") {
    return [skip === undefined && todo === undefined ? "passed" : "skipped", ""];
  }
  const error = details?.error ?? {};
  const cause = error.cause ?? error;
  const words = String(cause?.stack ?? cause?.message ?? cause).slice(0, MOST_WORDS);
  if (DENIED.has(cause?.code)) {
    return ["forbidden", cause.code === "ERR_HEARTHLINE" ? cause.message : "did what the sandbox refuses"];
  }
  const isClaim = cause?.code === "ERR_ASSERTION" || cause?.name === "AssertionError";
  return [isClaim ? "failed" : "broken", words];
}

export default async function* report(source) {
  for await (const event of source) {
    if (event.type === "test:pass" || event.type === "test:fail") {
      const [verdict, words] = verdictOf(event);
      const { name, nesting: level, details } = event.data;
      yield `${JSON.stringify({ verdict, words, name, level, is_group: details?.type === "suite" })}\n`;
    }
  }
}
