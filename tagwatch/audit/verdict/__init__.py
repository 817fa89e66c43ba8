"""The policy applied to findings: exemptions, baseline, bases, fixes and the result."""
