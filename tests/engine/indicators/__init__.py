"""Tests of `engine.indicators`."""
