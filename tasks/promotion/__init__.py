"""From a request to a verdict: challenger, training run, gates' verdicts, approval, promotion or refusal.

May import `monitoring`, `gates`, `registry` and what lies below them.
"""
