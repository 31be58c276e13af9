"""The process that reviews, from both ends. A review holds the interpreter lock, so the editor's loop cannot do it."""
