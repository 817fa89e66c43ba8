"""What an image is, pure."""
