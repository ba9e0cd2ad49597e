"""Recognition of title cards and leader, which stay neutral."""
