"""The models: which there are, how they get here, what is read into memory."""
