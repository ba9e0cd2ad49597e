"""The photos of the studio and the decisions about their color."""
