"""What may be wrong on a cluster, by where it is seen. Each module makes findings of what it is given."""
