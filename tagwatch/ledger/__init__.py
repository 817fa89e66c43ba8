"""The memory: what every tag served, and when."""
