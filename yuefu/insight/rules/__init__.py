"""What reports say, pure."""
