"""A Dockerfile exactly as BuildKit reads it."""
