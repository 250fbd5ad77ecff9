"""What a window of live data shows beside what is ordinary: limits, signals, faults, checks, reports, probation.

The one room that knows Evidently; it decides on no retrain. May import `scoring` and what lies below it.
"""
