"""Runs over many sources: discovery of tasks, job lists, execution and reports."""
