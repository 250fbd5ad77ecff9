"""Choose the retraining policy on evidence: history replayed under each, every model trained once."""
