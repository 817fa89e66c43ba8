"""Engines run crawl tasks: in this process, or on a cluster."""
