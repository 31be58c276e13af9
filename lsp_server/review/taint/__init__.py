"""Taint inside a file: what comes from outside, where it flows, and which rules it meets there. Pure.

`walk` goes through a program once; `values` is what it knows of a value, `frames` what it knows of variables.
`expressions`, `calls`, `callbacks`, `statements`, `assignments` and `guards` say what each form of the program does to
both, `sources` where outside data comes in. `functions` is what is known of functions and classes of the file, made by
`definitions`; `summaries` is what calling one does, `matching` how rules are asked.
"""
