"""Runs tests of a Python project, each in a process of its own, inside the sandbox.

Copied to the scratch folder and executed there by the project's interpreter: standard library of Python 3.8 and later
and, where the job says so, the project's pytest. Never imported by the language server. Why not coverage.py: the
project's interpreter may lack it, and what is needed of it (lines and jumps of one function) is a page of `sys.settrace`.
"""
