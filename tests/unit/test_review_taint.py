"""Where outside data flows: each program marks the lines that must be reported, every other line must not be."""

from pathlib import Path

import pytest

from lsp_server.review.finding import Confidence, Review
from lsp_server.review.reviewer import Reviewer
from lsp_server.review.rulebook import read

SOURCES = r"""
[[python.sources]]
path = ["web.request.{args,form}", "input()"]
label = "a request's parameter"
[[python.sources]]
name = ["*password"]
label = "a password"
kind = "secret"
[[python.handlers]]
name = "view"
decorator = ["web.App().route"]
tainted = ["any"]
[[python.handlers]]
name = "view"
call = ["web.path"]
types = [ {parameter = 0, path = "web.request"} ]
[[python.handlers]]
name = "view"
base = ["web.View"]
method = ["get"]
tainted = [0]
[[python.propagators]]
call = ["os.path.join", "*.join", "str", "parse"]
[[python.propagators]]
call = ["*.{append,extend,update}"]
into = "receiver"
[[python.sanitizers]]
call = ["int", "len"]
[[python.guards]]
call = ["*.isdigit"]
argument = "receiver"
[[python.guards]]
call = ["re.fullmatch"]
argument = 1
where = [ {argument = 0, matches = '^[^.]*$'} ]
[[javascript.handlers]]
name = "handler"
parameters = ["req", "res"]
types = [ {parameter = 0, path = "web.Request()"} ]
[[javascript.sources]]
path = ["web.Request().query"]
label = "a request's parameter"
[[javascript.propagators]]
call = ["*.push"]
into = "receiver"
"""

RUNNING = """
id = "running"
cwe = 78
also = [88]
title = "Running"
message = "{source} is run by {call}."
[[python.sinks]]
call = ["os.system"]
[[python.sinks]]
call = ["run"]
where = [ {argument = "shell", is = true} ]
[[python.sinks]]
set = ["*.command"]
[[python.sinks]]
return_of = ["view"]
confidence = "medium"
[[python.sinks]]
call = ["log"]
kinds = ["secret"]
[[python.sinks]]
call = ["fetch"]
where = [ {argument = 0, begins = "https://[^/]+/", not = true} ]
[[python.sanitizers]]
call = ["quote"]
[[python.guards]]
compare = ["parse().host"]
[[python.dangerous]]
call = ["load"]
where = [ {argument = ["Loader", 1], absent = true} ]
unless = ["safe_all()"]
[[javascript.sinks]]
call = ["run"]
argument = ["cmd", 0]
"""

OTHER = """
id = "other"
cwe = 22
also = []
title = "Other"
message = "{source}"
[[python.sinks]]
call = ["open"]
"""

PYTHON_CASES = {
    "assignments and text": """
x = request.args["q"]
y = x
os.system(y)  #!
os.system("ls " + y)  #!
os.system(f"ls {y}")  #!
os.system("ls %s" % y)  #!
os.system("ls {}".format(y))  #!
os.system("ls")
y = "ls"
os.system(y)
y += x
os.system(y)  #!
""",
    "aliases of modules and functions": """
import os as o
from os import system as s
run_it = o.system
s(input())  #!
o.system(input())  #!
run_it(input())  #!
""",
    "numbers, lengths and comparisons are clean": """
x = request.args["q"]
os.system(int(x))
os.system(x == "a")
os.system(len(x))
os.system(str(x))  #!
""",
    "containers by key": """
x = request.args["q"]
d = {"a": x, "b": "ls"}
os.system(d["a"])  #!
os.system(d["b"])
os.system(d.get("a"))  #!
os.system(d.get("b"))
d["a"] = "ls"
os.system(d["a"])
d["c"] = x
os.system(d[k])  #!
parts = []
parts.append(x)
os.system(" ".join(parts))  #!
first, second = x, "ls"
os.system(first)  #!
os.system(second)
os.system([y for y in request.args])  #!
os.system([y for y in request.args if y.isdigit()])
""",
    "branches join": """
x = request.args["q"]
if k:
    y = x
else:
    y = "ls"
os.system(y)  #!
z = "a" if k else x
os.system(z)  #!
for each in request.args:
    os.system(each)  #!
""",
    "what a loop carries around": """
y = "ls"
while k:
    os.system(y)  #!
    y = request.args["q"]
""",
    "a try may have got anywhere": """
y = "ls"
try:
    y = request.args["q"]
    y = "ls"
except ValueError:
    os.system(y)
os.system(y)
""",
    "guards": """
x = request.args["q"]
if x == "ls":
    os.system(x)
else:
    os.system(x)  #!
if x in ("ls", "ps"):
    os.system(x)
if x.lower() in ALLOWED:
    os.system(x)
if not x.isdigit():
    os.system(x)  #!
else:
    os.system(x)
if re.fullmatch("[a-z]*", x):
    os.system(x)
if re.fullmatch(".*", x):
    os.system(x)  #!
if x == "a" or x == "b":
    os.system(x)
if k and x == "a":
    os.system(x)
if k or x == "a":
    os.system(x)  #!
if parse(x).host == "here":
    os.system(x)
os.system(x if x in ALLOWED else "ls")
if not x:
    os.system(x)
if not parse(x).host:
    os.system(x)
if parse(x).host:
    os.system(x)  #!
""",
    "tests that were made before, or elsewhere": """
def is_known(value):
    return value in ALLOWED
def is_any(value):
    return value != "a"
def is_itself(value):
    return is_itself(value)
x = request.args["q"]
ok = x.isdigit()
if ok:
    os.system(x)
if not ok:
    os.system(x)  #!
if is_known(x):
    os.system(x)
if is_any(x):
    os.system(x)  #!
if is_itself(x):
    os.system(x)  #!
k = not k
if k:
    os.system(x)  #!
found = is_known(x)
ok = k
if ok:
    os.system(x)  #!
if not found:
    raise ValueError
os.system(x)
""",
    "leaving early": """
def f():
    x = request.args["q"]
    if x not in ALLOWED:
        os.system(x)  #!
        return
    os.system(x)
def g():
    for x in request.args:
        if not x.isdigit():
            continue
        os.system(x)
    y = request.args["y"]
    if not y.isdigit():
        raise ValueError
    os.system(y)
""",
    "sanitizers are for their family": """
x = quote(request.args["q"])
os.system(x)
open(x)  #! other
""",
    "helpers of the file": """
def helper(value, other):
    os.system(value)  #!
    os.system(other)
def wrap(value):
    return "ls " + value
def clean(value):
    return quote(value)
def pick(a, b):
    return b
def deep(value):
    return wrap(wrap(value))
def loops(value):
    return loops(value)
x = request.args["q"]
helper(x, "ls")
os.system(wrap(x))  #!
os.system(wrap("a"))
os.system(clean(x))
os.system(pick(x, "a"))
os.system(pick("a", b=x))  #!
os.system(deep(x))  #!
os.system(loops(x))
""",
    "a helper that is never handed outside data": """
def helper(value):
    os.system(value)
helper("ls")
""",
    "handlers": """
app = App()
@app.route("/")
def one(name):
    os.system(name)  #!
    return quote(name)
def two(r):
    os.system(r.args["q"])  #!
    return "ok"
path("x", two)
class V(web.View):
    def get(self, name):
        os.system(name)  #!
        return name  #!
    def other(self, name):
        os.system(name)
        return name
""",
    "attributes of objects": """
class C:
    def __init__(self, value):
        self.value = value
        self.plain = "ls"
    def run(self):
        os.system(self.value)  #!
        os.system(self.plain)
        self.value = "ls"
        os.system(self.value)
    def given(self):
        return request.args["q"]
c = C(request.args["q"])
os.system(c.given())  #!
o.command = request.args["q"]  #!
""",
    "closures see what is around them": """
def f():
    x = request.args["q"]
    def inner():
        os.system(x)  #!
    return lambda: os.system(x)  #!
x = "ls"
""",
    "conditions on arguments": """
x = request.args["q"]
yes = True
run(x)
run(x, shell=False)
run(x, shell=yes)  #!
load(x)  #!
load(x, Loader=k)
load(x, k)
load(x, **options)
fetch("https://host/" + x)
fetch("https://" + x)  #!
fetch(x)  #!
""",
    "kinds": """
os.system(password)
log(user_password)  #!
log(request.args["q"])
password = "x"
log(password)
""",
    "unknown functions": """
x = request.args["q"]
os.system(unknown(x))
os.system(x.strip().title())  #!
os.system(x[1:])  #!
os.system(unknown.method(x))
""",
}

JAVASCRIPT_CASES = {
    "options, callbacks and outer variables": """
function handle(req, res) {
  const x = req.query.x;
  run({cmd: x});                      //!
  run({other: "a", cmd: "b"});
  [x].forEach(y => run(y));           //!
  run(x.split(",").map(y => "a" + y));  //!
  req.query.list.map(function (z) { run(z); });  //!
  const {a, b: c} = req.query;
  run(a);                             //!
  run(c);                             //!
  let data = "";
  listen(chunk => { data += req.query.chunk; });
  listen(() => run(data));            //!
  later(x);
  load().then(v => run(v));
  if (x === "a" || x === "b") run(x);
  if (x !== "a") { run(x); return; }  //!
  run(x);
}
const later = v => run(v);            //!
function plain(req, other) { run(req.query.x); }
""",
}


@pytest.fixture(scope="module")
def reviewer(tmp_path_factory: pytest.TempPathFactory) -> Reviewer:
    folder: Path = tmp_path_factory.mktemp("rules")
    for name, text in {"sources": SOURCES, "running": RUNNING, "other": OTHER}.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    return Reviewer(read(folder))


def assert_marked_lines(review: Review, code: str, mark: str) -> None:
    lines = code.split("\n")
    wanted = {(index, line.partition(mark)[2].strip() or "running") for index, line in enumerate(lines) if mark in line}
    found = {(finding.place.line, finding.rule) for finding in review.findings}
    assert not review.skipped, review.skipped
    assert [lines[line] for line, _ in sorted(wanted - found)] == [], (
        f"not reported {[lines[line] for line, _ in sorted(wanted - found)]}"
    )
    assert [lines[line] for line, _ in sorted(found - wanted)] == [], (
        f"reported, and should not be {[lines[line] for line, _ in sorted(found - wanted)]}"
    )


@pytest.mark.parametrize("name", PYTHON_CASES)
def test_python(reviewer: Reviewer, name: str) -> None:
    code = "import os, re, web\nfrom web import App, path, request\n" + PYTHON_CASES[name]

    assert_marked_lines(reviewer.review(code, "python"), code, "#!")


@pytest.mark.parametrize("name", JAVASCRIPT_CASES)
def test_javascript(reviewer: Reviewer, name: str) -> None:
    code = JAVASCRIPT_CASES[name]

    assert_marked_lines(reviewer.review(code, "javascript"), code, "//!")


def test_a_finding_tells_the_way_through_the_helper(reviewer: Reviewer) -> None:
    code = "import os\ndef helper(value):\n    os.system(value)\n\ndef view():\n    name = input()\n    helper(name)\n"

    (finding,) = reviewer.review(code, "python").findings

    assert (finding.rule, finding.cwe, finding.symbol, finding.confidence) == ("running", 78, "helper", Confidence.HIGH)
    assert finding.message == "A request's parameter is run by system."
    assert [step.place.line for step in finding.trace] == [5, 5, 6, 2]


def test_a_file_can_excuse_what_is_dangerous(reviewer: Reviewer) -> None:
    assert reviewer.review("load(1)\n", "python").findings
    assert not reviewer.review("load(1)\nsafe_all()\n", "python").findings


def test_fingerprints_outlive_lines_added_above_and_tell_twins_apart(reviewer: Reviewer) -> None:
    code = "import os\ndef f():\n    os.system(input())\n    os.system(input())\n"
    first = [finding.fingerprint for finding in reviewer.review(code, "python").findings]
    second = [finding.fingerprint for finding in reviewer.review("# more\n\n" + code, "python").findings]

    assert first == second
    assert len(set(first)) == 2
