"""Checks of requests: hosts, origins, tokens and limits."""
