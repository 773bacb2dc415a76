"""Real work for every queue, to see what happens to it."""
