"""Tests of `engine.statistics`: each estimator against a known answer."""
