"""Tests of `engine.markets`."""
