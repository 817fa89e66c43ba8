"""What an image says of itself: platforms, build steps, packages, attestations, version."""
