"""Tests of `engine.agents`."""
