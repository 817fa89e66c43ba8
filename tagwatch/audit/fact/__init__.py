"""Facts about one reference, gathered from what the ledger remembers."""
