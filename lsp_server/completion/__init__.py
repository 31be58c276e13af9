"""Text decisions: what the model is asked, and what of its answer is shown. Pure."""
