"""Draft a use case from a table: looks at it, says what will hurt, writes the file. Only `make new` uses it."""
