"""Models that last: MLflow runs and versions, the champion, cards, rollback, reproduction, a clean process to load in.

The one room that knows MLflow. May import `data` and `training`.
"""
