"""HCL as `docker buildx bake` reads it: nodes with places, expressions, values, functions."""
