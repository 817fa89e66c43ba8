"""The demo: sample images of two nights, an embedded registry, and the show."""
