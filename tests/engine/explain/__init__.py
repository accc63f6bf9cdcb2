"""Tests of `engine.explain.model`."""
