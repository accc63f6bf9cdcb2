"""How fast the hot paths are."""
