"""`penstock queues new`: a queue more in a copy of the repository."""
