"""The meaning of a tag: its version, its line, newer tags, and its past."""
