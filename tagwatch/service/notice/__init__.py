"""Readers of what registries' webhooks say, one a kind: payload in, notices out, pure."""
