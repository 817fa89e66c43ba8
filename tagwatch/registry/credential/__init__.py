"""Where a registry's credentials come from: one file a source."""
