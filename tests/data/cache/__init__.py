"""Tests of `data.cache`."""
