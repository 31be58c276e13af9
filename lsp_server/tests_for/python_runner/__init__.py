"""Runs tests of a Python project, each in a process of its own, inside the sandbox.

Copied to the scratch folder and executed there by the project's interpreter: standard library of Python 3.8 and later
and, where the job says so, the project's pytest. Never imported by the language server. Lines are traced here, because
the project's interpreter may lack coverage.py, and what is needed of that is half a page of `sys.settrace`.
"""
