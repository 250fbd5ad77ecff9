"""Rows: the store that knows Delta, the tables of a problem, sources, collection, validation, quarantine, ledger.

Everything that lasts as rows is named and written here. May import the shared words of `tasks/` only.
"""
