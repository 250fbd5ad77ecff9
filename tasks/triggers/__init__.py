"""When to retrain: the rule, what it knows of the past, the cost of age, simple and published policies, the request.

May import `monitoring` and what lies below it.
"""
