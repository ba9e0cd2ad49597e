"""Engines that render segments: in this process, in worker processes or in a Ray cluster."""
