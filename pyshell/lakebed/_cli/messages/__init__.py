"""Errors and other messages on standard error, and the terminal they go to."""
