"""Loopback doubles of the services we talk to."""
