"""The report of a run: records, previews, and their output as JSON or HTML."""
