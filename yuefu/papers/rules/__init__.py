"""What papers of loans say, and how they look. Pure."""
