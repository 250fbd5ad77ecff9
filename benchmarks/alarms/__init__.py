"""How often alarms ring for nothing, how soon they see drift, and whether they separate faults from it."""
