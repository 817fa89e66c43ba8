"""Reads registries: transport, challenge and token, the OCI protocol, credentials, catalogues."""
