"""What a tag means: its version, its line, what is newer, and what it was."""
