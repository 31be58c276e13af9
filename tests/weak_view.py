"""A file with one finding of the security review, and an edit that mends it."""

VIEW = """\
import sqlite3

from flask import request


def find():
    name = request.args["name"]
    return sqlite3.connect("db").execute("select * from users where name = '" + name + "'")
"""
BOUND = {
    "old_text": '"select * from users where name = \'" + name + "\'"',
    "new_text": '"select 1 where n = ?", (name,)',
}
