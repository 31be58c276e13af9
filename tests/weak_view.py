"""A file with one finding of the security review, and what a model answers that mends it."""

VIEW = """\
import sqlite3

from flask import request


def find():
    name = request.args["name"]
    return sqlite3.connect("db").execute("select * from users where name = '" + name + "'")
"""
BOUND = """\
```python
def find():
    name = request.args["name"]
    return sqlite3.connect("db").execute("select 1 where n = ?", (name,))
```
"""
