"""The policy applied to findings: exemptions, baseline, bases, fixes, the result."""
