"""Shot detection on luma: cuts, dissolves and fades, and shot list files."""
