"""The films of the studio, whose decisions are in project files."""
