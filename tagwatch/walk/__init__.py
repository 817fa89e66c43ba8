"""The steps of the walks: look up, survey (ask, remember, explain, match, gather), fix, deliver."""
