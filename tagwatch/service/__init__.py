"""The daemon: the nightly schedule and the web pages it serves."""
