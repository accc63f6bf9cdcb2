"""Tests of the exchange adapters and what they are made of."""
