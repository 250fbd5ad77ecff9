"""How often alarms ring for nothing, how soon they see drift, and whether they tell faults from it."""
