"""The protocol's methods, one small file per group: snapshot, pure function or engine, convert.

Each module has `register(server)`, called by `server.create_server` alone.
"""
