"""Suggested tests: what decides about them."""
