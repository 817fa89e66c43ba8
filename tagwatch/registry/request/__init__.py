"""How one request is sent: where it may go, when, how often, and what its failure means."""
