"""The steps of both walks: look up, ask, remember, match, explain, gather, fix, deliver."""
