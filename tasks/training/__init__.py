"""Models on frames: estimators, rolling-origin folds, comparison, evaluation, evidence, slices, leakage, plots.

No registry, no server: what goes in are rows, what comes out are models and evidence. May import `data`.
"""
