"""The command line: data on stdout, messages on stderr, exit codes of `ofs.errors.ExitCode`.

The modules here import click and what is light; what is slow to load is imported by the command that needs it.
"""
