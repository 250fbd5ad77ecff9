"""Predictions: of new rows, of the predecessor beside them, and why a row got the prediction that it has.

May import `data`, `training` and `registry`.
"""
