"""The language server: owns documents, context, text decisions and everything the editor sees."""

from importlib.metadata import version

__version__ = version("hearthline")
