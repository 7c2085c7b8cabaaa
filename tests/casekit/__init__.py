"""Behaviour cases: their format, the processes that run them, the engines under test."""
