"""Tests of `chatbot`."""
