"""Projects: a film and the decisions of people about its color, in one JSON file."""
