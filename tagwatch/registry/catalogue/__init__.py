"""How a registry lists many tags with digests: one file a kind."""
