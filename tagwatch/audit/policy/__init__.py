"""What is approved, and what is excused."""
