"""Tests of `engine.booking`."""
