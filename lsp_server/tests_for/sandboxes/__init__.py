"""What stands between generated code and the machine, from the inside: a process that supervises one run.

It is started by `tests_for.sandbox`, once for each run, by a bare interpreter. So these modules import the standard
library and one another, relatively, and nothing else of the project, and little of it: its start is
most of what a run costs.
"""
