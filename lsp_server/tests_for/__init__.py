"""Tests that are suggested for a function, and where what was generated may run."""
