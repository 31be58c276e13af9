"""Explanations: what a model is asked about code, and what of its answer is shown. Pure."""
