"""The mail queue: messages over SMTP."""
