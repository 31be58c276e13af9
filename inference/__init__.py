"""The inference worker: owns weights, tokens, KV caches and the schedule; knows nothing of editors."""

from importlib.metadata import version

__version__ = version("hearthline")

WIRE_VERSION = 1
"""Version of the HTTP wire between language server and worker (ARCHITECTURE.md); both ends must agree."""
