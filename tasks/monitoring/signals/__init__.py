"""The alarm's statistics and rules: pure functions on frames and numbers, and the small models they hand on.

`models` and `alarm` import nothing heavy. The others compute with numpy: tasks import them in their bodies.
"""
