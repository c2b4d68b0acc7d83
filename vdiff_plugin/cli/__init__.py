"""The command line: a parser, and one module a command. Commands arrive through hooks."""
