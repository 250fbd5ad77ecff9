"""Draft the use case of a table that nobody has described yet: look, decide or ask, write the two files."""
