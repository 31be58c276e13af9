"""Syntax trees of each language -> the one form that the taint engine reads (`review.ir`)."""
