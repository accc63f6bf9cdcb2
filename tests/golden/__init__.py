"""Recorded outputs that must not change unnoticed."""
