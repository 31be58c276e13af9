"""What may come next under a grammar, against the grammar itself, and whole answers of a tiny model held to one."""

import itertools
import json
import math
import re
from collections.abc import Sequence
from random import Random
from typing import Any

import jsonschema
import mlx.core as mx
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, decoders, normalizers
from tokenizers.models import BPE

from inference.constraints import Constraint, compile_grammar
from inference.errors import RequestInvalid
from inference.generation import generate
from inference.grammars import Grammar, Kind
from inference.jobs import Sampling
from inference.kv_cache import CachedTokens, is_plain
from inference.models.load import LoadedModel, load_model
from inference.models.tokenizer import Tokenizer
from inference.prefill_chunks import Chunks
from inference.sampling import make_chooser
from inference.speculation import MAX_DRAFT_TOKENS, Drafter, Experience
from tests.grammar_walks import assert_same_together
from tests.tiny_model import CONTROL_TOKENS, END_ID, write_tiny_checkpoint

ENDS = frozenset({END_ID, END_ID + 8})
N_LOGITS = 256 + len(CONTROL_TOKENS) + 7  # more than tokens, as of many models


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    return load_model(write_tiny_checkpoint(tmp_path_factory.mktemp("models") / "tiny"))


def constrain(tiny: LoadedModel, kind: Kind, text: str, n_most: int = 1000) -> Constraint:
    return compile_grammar(Grammar(kind, text, "field"), tiny.tokenizer, ENDS, n_most)


def says(constraint: Constraint, text: bytes) -> bool:
    """Tell whether `text` is a whole answer. Every byte is a token of the tiny model."""
    for index, token in enumerate(text):
        if not constraint.allow([], N_LOGITS)[0][token]:
            return False
        if constraint.keep([token]) is not None:
            return index + 1 == len(text)
    return bool(constraint.allow([], N_LOGITS)[0][END_ID])


SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"verdict": {"enum": ["yes", "no"]}, "lines": {"type": "array", "items": {"type": "integer"}}},
        "required": ["verdict", "lines"],
        "additionalProperties": False,
    }
)
LARK = """
start: expr
expr: term (("+" | "-") term)*
term: NUMBER | "(" expr ")"
NUMBER: /[0-9]+/
"""
GBNF = """
root ::= "SELECT " column ("," column)*
column ::= [a-z]+
"""


@pytest.mark.parametrize(
    ("kind", "text", "good", "bad"),
    [
        (
            "json_schema",
            SCHEMA,
            ['{"verdict": "yes", "lines": [1, 22]}', '{"verdict": "no", "lines": []}'],
            ['{"verdict": "maybe", "lines": []}', '{"verdict": "no"}', '{"verdict": "no", "lines": [1.5]}', "{}", ""],
        ),
        (
            "json_schema",
            '{"type": "object"}',
            ["{}", '{"a": {"b": [null, true, -1.5e3, "\\n é"]}}'],
            ["[]", "1", '{"a" : 1}', '{"a": "\\u00e9"}'],
        ),
        ("json_schema", '{"type": "string", "maxLength": 3}', ['"abc"', '"äöü"', '"\\n"'], ['"abcd"', "abc"]),
        ("json_schema", '{"$ref": "#/$defs/t", "$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}}}',
         ["[]", "[[], [[]]]"], ["[1]"]),
        ("regex", r"[a-c]{2}\d?", ["ab", "cc7"], ["a", "ad", "ab77", "xab"]),
        ("regex", r"[à-ÿ]{2}|日本", ["éà", "日本"], ["é", "ea", "日", "éé ", "Éé"]),
        ("regex", "", [""], ["a"]),
        ("grammar", LARK, ["1", "1+(22-3)", "((4))"], ["1+", "(1", ""]),
        ("grammar", GBNF, ["SELECT a", "SELECT ab,c"], ["SELECT ", "SELECT a,", "select a"]),
        (
            "choice",
            json.dumps(["yes", "yes, but", 'a "b"\n', "ä|[", "😀"]),
            ["yes", "yes, but", 'a "b"\n', "ä|[", "😀"],
            ["ye", "yes,", "ä", "no", ""],
        ),
    ],
)  # fmt: skip
def test_what_is_an_answer_and_what_is_not(
    tiny: LoadedModel, kind: Kind, text: str, good: list[str], bad: list[str]
) -> None:
    for answer in good:
        assert says(constrain(tiny, kind, text), answer.encode()), answer
    for answer in bad:
        assert not says(constrain(tiny, kind, text), answer.encode()), answer


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("json_schema", '{"type": "nonsense"}', "Invalid type: nonsense"),
        ("json_schema", '{"not": {"type": "string"}}', "Unimplemented keys"),
        ("json_schema", '{"not": {"type": "string"}, "x-guidance": {"lenient": true}}', "Unimplemented keys"),
        ("json_schema", '{"$ref": "https://example.com/a.json"}', "not present in a registry"),
        ("json_schema", '{"$ref": "#"}', "may follow|NoExtension"),
        ("json_schema", '{"a":' * 5000 + "1" + "}" * 5000, "recursion limit|not JSON"),
        ("json_schema", '{"type": "integer", "minimum": 5, "maximum": 4}', "field: "),
        ("regex", "(a", "unclosed group"),
        ("regex", r"(?=a)b", "look-around"),
        ("regex", "a{1000}{1000}{1000}{1000}", "field: "),
        ("grammar", "start: nowhere", "nowhere"),
        ("grammar", "", "field: "),
        ("grammar", 'start: "a" <|im_start|>', "unknown special token"),
        ("grammar", "start: <[257]>", "nothing may follow"),
        ("grammar", "start: <[1000-2000]>", "Token range end too large"),
        ("grammar", 'root ::= "a', "field: "),
    ],
)
def test_what_no_answer_can_be_held_to_is_refused_with_the_reason(
    tiny: LoadedModel, kind: Kind, text: str, words: str
) -> None:
    with pytest.raises(RequestInvalid, match=words) as refused:
        constrain(tiny, kind, text)
    assert refused.value.param == "field"
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("grammar", ['start: "a" <[257]> "b"', 'start: "a" <[256]>', 'start: "a" <[0-264]> "b"'])
def test_a_control_token_is_never_allowed_and_never_ends_an_answer_that_is_not_complete(
    tiny: LoadedModel, grammar: str
) -> None:
    constraint = constrain(tiny, "grammar", grammar)
    allowed = constraint.allow([], N_LOGITS)[0]
    assert allowed[ord("a")]
    assert not allowed[256:].any()
    constraint.keep([ord("a")])
    allowed = constraint.allow([], N_LOGITS)[0]
    assert not allowed[256:].any()
    if not allowed.any():
        with pytest.raises(RequestInvalid, match="nothing may follow"):
            constraint.keep([0])


def test_what_must_come_is_drafted_within_what_is_left(tiny: LoadedModel) -> None:
    key = "a_long_key_that_nobody_needs_to_think_about"
    schema = json.dumps({"type": "object", "properties": {key: {"type": "integer"}}, "required": [key]})
    constraint = constrain(tiny, "json_schema", schema)
    forced = f'{{"{key}": '.encode()
    draft = constraint.draft([])
    assert bytes(draft) == forced[:MAX_DRAFT_TOKENS]
    assert constraint.draft([*forced[:20], ord("7")]) == [*forced[:20]]
    assert constraint.draft([1, 2, 3]) == draft
    assert constrain(tiny, "json_schema", schema, n_most=4).draft([]) == draft[:3]
    assert constrain(tiny, "json_schema", schema, n_most=1).draft([]) == []


TEXTS = st.sampled_from(
    [
        ("json_schema", SCHEMA),
        ("json_schema", '{"type": "object"}'),
        ("regex", r"(ab|a|é)*c?"),
        ("regex", r"a{3}b?"),
        ("grammar", LARK),
        ("choice", '["yes", "yes, but", "no", "😀", "😁"]'),
    ]
)


@settings(max_examples=60)
@given(TEXTS, st.randoms(use_true_random=False))
def test_places_looked_at_together_are_what_they_are_one_by_one(
    tiny: LoadedModel, grammar: tuple[Kind, str], random: Random
) -> None:
    alone, together = constrain(tiny, *grammar), constrain(tiny, *grammar)
    assert_same_together(alone, together, ENDS, N_LOGITS, random)


PROMPT = list(b"Is this a finding? Answer as JSON.")


def answer_of(
    tiny: LoadedModel, constraint: Constraint, sampling: Sampling, *, guesses_from: Sequence[int] | None = None
) -> tuple[bytes, int]:
    """Let the model answer: the text and how many steps it took. guesses_from: an answer that was said before."""
    drafter = None
    if guesses_from is not None:
        experience = Experience()
        experience.keep_answer(PROMPT, guesses_from)
        drafter = Drafter(experience, PROMPT, None, 2000)
    sequence = CachedTokens(list(PROMPT), tiny.make_cache())
    choose = make_chooser(sampling, wants_logprob=False)
    steps = generate(
        tiny.model, sequence, choose, Chunks.of(512), run_ahead=True, drafter=drafter, constraint=constraint
    )
    text = bytearray()
    for n_steps, made in enumerate(itertools.takewhile(lambda _: len(text) < 2000, steps), 1):
        assert sequence.n_cached == sequence.kv_cache[0].offset == len(sequence.tokens) - 1
        for decoded in made:
            if decoded.token in ENDS:
                return bytes(text), n_steps
            text.append(decoded.token)
            if decoded.is_last:
                return bytes(text), n_steps
    pytest.fail(f"no end after {bytes(text)!r}")


NAMES = st.text("abcdé_", min_size=1, max_size=12)
LEAVES = st.one_of(
    st.builds(lambda n: {"type": "string", "maxLength": n}, st.integers(0, 8)),
    st.builds(
        lambda a, b: {"type": "integer", "minimum": min(a, b), "maximum": max(a, b)}, *[st.integers(-999, 999)] * 2
    ),
    st.builds(
        lambda values: {"enum": values}, st.lists(NAMES | st.integers(0, 99) | st.none(), min_size=1, max_size=4)
    ),
    st.just({"type": "boolean"}),
    st.just({"type": ["null", "boolean"]}),
)


def array_of(items: dict[str, Any], n_least: int) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": n_least, "maxItems": n_least + 2}


def object_of(properties: dict[str, dict[str, Any]], n_required: int) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties][:n_required],
        "additionalProperties": False,
    }


SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(array_of, inner, st.integers(0, 2)),
        st.builds(object_of, st.dictionaries(NAMES, inner, max_size=4), st.integers(0, 4)),
        st.builds(lambda *kinds: {"anyOf": [*kinds]}, inner, inner),
    ),
    max_leaves=6,
)
SAMPLINGS = st.sampled_from([Sampling(), Sampling(temperature=1.5, seed=3), Sampling(1.0, top_p=0.9, top_k=5, seed=8)])


@settings(max_examples=40)
@given(SCHEMAS, SAMPLINGS)
def test_whatever_the_schema_the_answer_is_valid_and_the_same_with_guesses(
    tiny: LoadedModel, schema: dict[str, Any], sampling: Sampling
) -> None:
    text = json.dumps(schema)
    answer, n_steps = answer_of(tiny, constrain(tiny, "json_schema", text), sampling)
    jsonschema.validate(json.loads(answer), schema)
    for before in (answer, answer.replace(b"a", b"b"), b"{" + answer):
        again, n_steps_again = answer_of(tiny, constrain(tiny, "json_schema", text), sampling, guesses_from=before)
        assert again == answer
        assert n_steps_again <= n_steps


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, seed=1)])
@pytest.mark.parametrize(
    "regex", [r"[à-ÿ]{5}", r"(日本|語)+!", r"[é-ü]{3} = [0-9]+(\.[0-9]{2})?;", r"x{0,3}", r"(?s).{20}"]
)
def test_a_regular_expression_holds_over_characters_of_several_tokens(
    tiny: LoadedModel, regex: str, sampling: Sampling
) -> None:
    answer, _ = answer_of(tiny, constrain(tiny, "regex", regex), sampling)
    assert re.fullmatch(regex, answer.decode())


def sentence_piece_tokenizer() -> Tokenizer:
    pieces = ["<unk>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *'▁abcdefghijklmnopqrstuvwxyz"{}:']
    merges = [("v", "e"), ("ve", "r"), ("▁", "ver"), ("d", "i"), ("t", "r"), ("▁", "tr"), ("u", "e")]
    vocabulary = [*pieces, *("".join(merge) for merge in merges)]
    raw = tokenizers.Tokenizer(
        BPE({piece: i for i, piece in enumerate(vocabulary)}, merges, unk_token="<unk>", byte_fallback=True)
    )
    raw.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    raw.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Strip(" ", 1, 0)])
    raw.add_special_tokens([AddedToken("<unk>", special=True), AddedToken("</s>", special=True)])
    return Tokenizer(raw)


def test_a_tokenizer_that_puts_a_space_before_every_text_forces_none() -> None:
    tokenizer = sentence_piece_tokenizer()
    schema = object_of({"verdict": {"type": "boolean"}, "é": {"type": "boolean"}}, 2)
    grammar = Grammar("json_schema", json.dumps(schema), "field")
    for seed in range(10):
        alone, together = (compile_grammar(grammar, tokenizer, [1], 100) for _ in range(2))
        assert_same_together(alone, together, [1], tokenizer.n_vocab, Random(seed))
    constraint = compile_grammar(grammar, tokenizer, [1], 100)
    assert tokenizer.decode(constraint.draft([])) == '{"verdict":'


def test_what_must_come_takes_no_steps_of_its_own(tiny: LoadedModel) -> None:
    key = "a_long_key_that_nobody_needs_to_think_about"
    schema = {
        "type": "object",
        "properties": {key: {"type": "boolean"}},
        "required": [key],
        "additionalProperties": False,
    }
    answer, n_steps = answer_of(tiny, constrain(tiny, "json_schema", json.dumps(schema)), Sampling())
    assert answer in (f'{{"{key}": true}}'.encode(), f'{{"{key}": false}}'.encode())
    assert n_steps <= math.ceil(len(answer) / MAX_DRAFT_TOKENS) + 1


def test_what_must_come_is_computed_along_even_where_nothing_can_be_taken_back(tiny: LoadedModel) -> None:
    key = "a_long_key_that_nobody_needs_to_think_about"
    schema = json.dumps(object_of({key: {"type": "boolean"}}, 1))
    tiny.make_cache()  # which imports the module below
    from mlx_lm.models.cache import RotatingKVCache

    window = [RotatingKVCache(max_size=len(PROMPT) + 8) for _ in tiny.make_cache()]
    sequence = CachedTokens(list(PROMPT), window)
    choose = make_chooser(Sampling(), wants_logprob=False)
    constraint = constrain(tiny, "json_schema", schema)
    steps = generate(tiny.model, sequence, choose, Chunks.of(512), run_ahead=False, constraint=constraint)
    made = [*itertools.chain.from_iterable(itertools.islice(steps, 3))]
    forced = f'{{"{key}": '.encode()
    assert bytes(decoded.token for decoded in made) == forced[: 3 * (MAX_DRAFT_TOKENS + 1)]
    assert not is_plain(window)


def test_the_logprob_is_what_the_model_gave_before_anything_was_forbidden(tiny: LoadedModel) -> None:
    sequence = CachedTokens(list(PROMPT), tiny.make_cache())
    choose = make_chooser(Sampling(), wants_logprob=True)
    constraint = constrain(tiny, "regex", "ab")
    (first, *_) = next(generate(tiny.model, sequence, choose, Chunks.of(512), run_ahead=False, constraint=constraint))
    logits = tiny.model(mx.array([PROMPT]))[0, -1]
    assert first.token == ord("a")
    assert first.logprob == pytest.approx((logits - mx.logsumexp(logits))[ord("a")].item(), abs=1e-4)
