"""Reads registries: requests, logins, the OCI protocol, credentials, catalogues; local images."""
