"""What is known beyond the open file: which files belong to the workspace, their chunks and symbols, the index."""
