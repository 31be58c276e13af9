"""Server-sent events: how the bytes are cut must not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsp_server.engine.sse import MAX_EVENT_BYTES, EventParser, EventTooLongError

line_ends = st.sampled_from(["\n", "\r\n", "\r"])
contents = st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=["Cs"]), max_size=12)


def test_fields_comments_and_events() -> None:
    body = b'\xef\xbb\xbf: hello\nevent: token\nid: 1\ndata: {"a"\ndata:: 1}\n\n\n\ndata\n\nretry: 5\n\ndata: rest'
    assert EventParser().feed(body) == ['{"a"\n: 1}', ""]


@given(st.lists(st.tuples(contents, line_ends), max_size=6), st.data())
def test_any_cut_gives_the_same_events(events: list[tuple[str, str]], data: st.DataObject) -> None:
    body = "".join(f": note{end}data: {content}{end}{end}" for content, end in events).encode()
    parser, got, rest = EventParser(), [], body
    while rest:
        size = data.draw(st.integers(1, len(rest)))
        got += parser.feed(rest[:size])
        got += parser.feed(b"")
        rest = rest[size:]
    assert got == [content for content, _ in events]


def test_an_event_without_end_is_refused() -> None:
    parser = EventParser()
    parser.feed(b"data: " + b"x" * (MAX_EVENT_BYTES // 2))
    with pytest.raises(EventTooLongError):
        parser.feed(b"x" * (MAX_EVENT_BYTES // 2))
