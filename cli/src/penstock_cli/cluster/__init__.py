"""The suite on a cluster: what puts it there, looks at it, and says what is wrong."""
