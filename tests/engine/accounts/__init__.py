"""Tests of `engine.accounts`."""
