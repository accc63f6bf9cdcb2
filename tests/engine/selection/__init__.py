"""Choosing markets for grids, and starting some of them unasked."""
