"""Array operations without knowledge of color or files: geometry, resizing, filters, text."""
