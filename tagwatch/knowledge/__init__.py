"""Bundled facts with their date: end of life, official images."""
