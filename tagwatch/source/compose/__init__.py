"""Compose files: services, their builds, ports and variables."""
