"""Images of this machine: layouts on disk, and what a local engine holds."""
