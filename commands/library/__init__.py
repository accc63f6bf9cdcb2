"""The commands themselves, one file per family."""
