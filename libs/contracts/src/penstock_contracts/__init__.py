"""What Penstock's processes agree on: the queues, the tasks, and what each task takes and returns."""
