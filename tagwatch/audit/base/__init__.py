"""What an image is built on, proved by its layers."""
