"""Taint inside a file: what comes from outside, where it flows, and which rules it meets there. Pure.

`analysis` walks a program once; `values` is what it knows of a value, `frames` what it knows of variables; `expressions`,
`calls`, `statements` and `guards` say what each form of the program does to both; `functions` is what is known of
functions and classes of the file, `summaries` what a call of one does, `matching` how rules are asked.
"""
