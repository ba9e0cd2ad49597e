"""Array operations that are independent of color spaces and files: geometry, resizing, filters."""
