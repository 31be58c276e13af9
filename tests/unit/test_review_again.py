"""Reviews of documents that are edited: they go by the last one, and give what a review of the whole text gives."""

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lsp_server.review import again
from lsp_server.review.reviewer import Reviewer
from lsp_server.review.rulebook import load
from lsp_server.review.taint.functions import Hit
from lsp_server.review.taint.walk import Walk

PYTHON = """\
import os
import sqlite3
from flask import Flask, request

app = Flask(__name__)
cache = {}
PREFIX = "select * from users where name = "


class Store:
    def __init__(self, name):
        self.name = name

    def find(self):
        return sqlite3.connect("db").execute(PREFIX + self.name)


def decorated(function):
    return function


def run(command):
    os.system(command)


def again(command, times):
    if times:
        again(command, times - 1)
    return other(command)


def other(text):
    return again(text, 0) or text


@app.route("/a")
@decorated
def first():
    name = request.args["name"]
    run(name)
    return Store(name).find()


@app.route("/b")
def second():
    cache["é"] = request.args["b"]
    return "ok"


def third():
    eval(other(cache["é"]))
    # the end


main = third
main()
"""
SCRIPT = """\
const express = require("express");
const { exec } = require("child_process");
const app = express();
let last = "";

function run(command) {
  exec(command);
}

const show = (request, response) => {
  response.send("<b>" + request.query.name + "</b>");
};

class Store {
  constructor(name) { this.name = name; }
  run() { exec(this.name); }
}

exports.handler = function (request) {
  last = request.query.last;
  run(last);
};

app.get("/a", (request, response) => { new Store(request.query.x).run(); });
app.get("/b", show);
"""
GO = """\
package main

import (
\t"net/http"
\t"os/exec"
)

func run(command string) {
\texec.Command("sh", "-c", command).Run()
}

func handle(w http.ResponseWriter, r *http.Request) {
\tname := r.URL.Query().Get("name")
\trun(name)
}

func idle() {
\tx := 1
\t_ = x
}
"""
C = """\
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *name;

static void run(const char *command) {
  system(command);
}

int main(int argc, char **argv) {
  char buffer[16];
  strcpy(buffer, argv[1]);
  run(argv[1]);
  return 0;
}
"""
SAMPLES = {"python": PYTHON, "javascript": SCRIPT, "go": GO, "c": C}
_TYPED = {
    "python": [
        "run(request.args['x'])",
        "self.name = name",
        "cache['é'] = name",
        "return name",
        "'é😀'",
        "x = (",
        "pass",
    ],
    "javascript": [
        "run(request.query.x);",
        "this.name = 1;",
        "last = request.body;",
        "return last;",
        "'é😀';",
        "f(",
        "",
    ],
    "go": ["run(name)", 'name = r.FormValue("x")', "return", "x := (", ""],
    "c": ['run(getenv("X"));', "name = argv[1];", "system(name);", "x = (", ""],
}


@pytest.mark.parametrize("language", SAMPLES)
@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32))
@example(seed=1)
def test_an_edited_text_gives_what_it_gives_as_a_whole(language: str, seed: int) -> None:
    chosen = random.Random(seed)
    reviewer, rulebook, text = Reviewer(load()), load(), SAMPLES[language]
    reviewer.review(text, language, document="d")
    for _ in range(4):
        text = _edited(text, language, chosen)
        assert reviewer.review(text, language, document="d") == Reviewer(rulebook).review(text, language)


def _edited(text: str, language: str, chosen: random.Random) -> str:
    lines = text.split("\n")
    number = chosen.randrange(len(lines))
    line = lines[number]
    indent = line[: len(line) - len(line.lstrip())]
    typed = indent + chosen.choice([*_TYPED[language], chosen.choice(lines).strip()])
    match chosen.randrange(5):
        case 0:
            del lines[number]
        case 1:
            lines[number] = typed
        case 2:
            lines[number] = line[: chosen.randrange(len(line) + 1)]
        case _:
            lines.insert(number, typed)
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("old", "new", "walked"),
    [
        ("os.system(command)", "os.system(command + '')", {"first", "run"}),
        ("return 'ok'", "return ''", set()),
        ("    # the end\n", "    # the end\n    os.system(cache)\n", {"second", "third"}),
        ("return again(text, 0)", "return again(text, 1)", {"again", "other", "third"}),
    ],
)
def test_an_edit_has_those_functions_walked_through_that_depend_on_it(
    old: str, new: str, walked: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Walk] = []
    run = Walk.run

    def seen_run(walk: Walk) -> tuple[Hit, ...]:
        seen.append(walk)
        return run(walk)

    monkeypatch.setattr(Walk, "run", seen_run)
    reviewer = Reviewer(load())
    text = PYTHON.replace("main = third\nmain()\n", "").replace('return "ok"', "return 'ok'")
    reviewer.review(text, "python", document="d")
    seen.clear()
    reviewer.review(text.replace(old, new, 1), "python", document="d")
    (walk,) = seen
    known = {"run", "again", "other", "first", "second", "third"}
    is_walked = {info.symbol for info in walk.infos.values() if info.is_walked}
    assert walked <= is_walked
    assert is_walked & known != known, "nothing was left out"


def test_a_text_that_did_not_parse_for_a_while_goes_by_the_last_that_did(monkeypatch: pytest.MonkeyPatch) -> None:
    reviewer = Reviewer(load())
    reviewer.review(PYTHON, "python", document="d")
    assert reviewer.review(PYTHON.replace("run(name)", "run(name"), "python", document="d").is_broken
    monkeypatch.setattr(again, "_whole", lambda *_: pytest.fail("all of it was read"))
    reviewer.review(PYTHON.replace("run(name)", "run(name + '')"), "python", document="d")


def test_nothing_is_kept_of_a_document_that_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    reviewer = Reviewer(load())
    reviewer.review(PYTHON, "python", document="d")
    reviewer.forget("d")
    monkeypatch.setattr(again, "_after", lambda *_: pytest.fail("it was kept"))
    reviewer.review(PYTHON.replace("run(name)", "run(name + '')"), "python", document="d")
