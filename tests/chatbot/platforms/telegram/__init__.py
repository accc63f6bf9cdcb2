"""Tests of the Telegram platform over a loopback Bot API."""
