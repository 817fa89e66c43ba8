"""Bake files, HCL and JSON, evaluated as buildx does."""
