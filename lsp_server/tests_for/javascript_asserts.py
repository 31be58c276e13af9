"""Claims written with `expect`, in a project that claims with Node's `assert`: said its way. Pure.

Small models write what they have seen most often. What has no counterpart here stays, and fails.
"""

import tree_sitter

from lsp_server.tests_for.merge_text import Source, walk

_SAID = {
    "toBe": "strictEqual({0}, {1})",
    "toEqual": "deepEqual({0}, {1})",
    "toStrictEqual": "deepStrictEqual({0}, {1})",
    "toBeUndefined": "strictEqual({0}, undefined)",
    "toBeNull": "strictEqual({0}, null)",
    "toBeTruthy": "ok({0})",
    "toBeNaN": "ok(Number.isNaN({0}))",
    "toBeGreaterThan": "ok({0} > {1})",
    "toBeLessThan": "ok({0} < {1})",
    "toHaveLength": "strictEqual({0}.length, {1})",
    "toThrow": "throws({0})",
    "toThrowError": "throws({0})",
}
_NOT_SAID = {"toBe": "notStrictEqual({0}, {1})", "toEqual": "notDeepEqual({0}, {1})", "toThrow": "doesNotThrow({0})",
             "toBeTruthy": "ok(!{0})", "toBeNull": "notStrictEqual({0}, null)"}  # fmt: skip


def as_assert(language_id: str, text: str) -> str:
    """Return `text` with each `expect(...)` that has a counterpart as a call of `assert`."""
    source = Source(language_id, text)
    pieces, done = [], 0
    for node in walk(source.root):
        said = _said(source, node) if node.type == "call_expression" and node.start_byte >= done else None
        if said is not None:
            pieces += [source.data[done : node.start_byte].decode(), f"assert.{said}"]
            done = node.end_byte
    return "".join([*pieces, source.data[done:].decode()])


def _said(source: Source, node: tree_sitter.Node) -> str | None:
    """Return what follows `assert.` for a call of one of `expect`'s claims."""
    function, arguments = node.child_by_field_name("function"), node.child_by_field_name("arguments")
    if function is None or arguments is None or function.type != "member_expression":
        return None
    claim, held = function.child_by_field_name("property"), function.child_by_field_name("object")
    table = _SAID
    if held is not None and held.type == "member_expression" and source.text(held).endswith(".not"):
        table, held = _NOT_SAID, held.child_by_field_name("object")
    if claim is None or held is None or held.type != "call_expression" or not source.text(held).startswith("expect("):
        return None
    form, subject = table.get(source.text(claim)), held.child_by_field_name("arguments")
    if form is None or subject is None or len(subject.named_children) != 1:
        return None
    values = [source.text(subject.named_children[0]), *(source.text(each) for each in arguments.named_children)]
    return form.format(*values) if len(values) > form.count("{1}") else None
