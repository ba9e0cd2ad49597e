"""Recognition of title cards, leader and burnt-in text, which stay neutral."""
