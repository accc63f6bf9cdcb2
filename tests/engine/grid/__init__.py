"""Tests of `engine.grid`."""
