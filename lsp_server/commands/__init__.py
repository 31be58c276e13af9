"""Commands that a person runs in a terminal. Each is a module with `run(...) -> exit code`."""
