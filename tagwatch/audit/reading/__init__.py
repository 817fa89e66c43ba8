"""What images say of themselves: platforms, build steps, packages, attestations, version."""
