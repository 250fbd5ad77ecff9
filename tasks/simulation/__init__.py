"""Time played: a replay of history, the backtest of retraining policies, the drill with sabotaged parts.

May import every other room; none imports it.
"""
