"""Tests of the commands, one file per command, spoken to through the real dispatcher."""
