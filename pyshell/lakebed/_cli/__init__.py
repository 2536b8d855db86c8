"""The command line and the shell. Private: import nothing from here; what is public is in `lakebed`.

This is the only part of the package that may import click, prompt-toolkit and rich, and nothing outside it imports it.
"""
