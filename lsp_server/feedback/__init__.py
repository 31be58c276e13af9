"""What became of the suggestions: seen in the documents, kept on this machine, without any source text."""
