"""The steps that both walks are made of: ask, remember, explain, gather, deliver."""
