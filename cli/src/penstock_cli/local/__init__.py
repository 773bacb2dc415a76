"""The suite on one machine: its processes, their folder, and the screen that shows them."""
