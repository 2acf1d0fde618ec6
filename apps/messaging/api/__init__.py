"""Messages over REST."""
