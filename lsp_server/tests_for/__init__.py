"""Test suggestion: what is tested, what the model is asked, what runs in the sandbox, which tests are kept.

Layering: `features` asks `suggest.suggest`; what decides (`target`, `answer`, `mutants`, `keeping`, `prompt`) is pure.
Invariant: text of the repository or of a model never decides what is executed; command lines are made here.
"""
