"""The judgement, pure: resolution, change, diff, base, policy, rules."""
