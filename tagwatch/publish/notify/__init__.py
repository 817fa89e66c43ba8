"""Alerts: the only senders."""
