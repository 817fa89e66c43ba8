"""Settings and policy from YAML and environment: strict, with path and line in every error."""
