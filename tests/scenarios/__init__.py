"""Whole stories, from a person's message to the books."""
