"""Previews of projects."""
