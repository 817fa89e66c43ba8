"""Plan, tasks and snapshots: what to ask, and the asking."""
