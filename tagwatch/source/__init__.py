"""Text to targets, pure: one file a format."""
