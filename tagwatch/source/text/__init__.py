"""Text, and structured text, in which every value knows its place."""
