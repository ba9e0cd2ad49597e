"""The process that holds the networks and answers clicks, hovers and stills."""
