"""The user's files: found, read, and written back byte for byte."""
