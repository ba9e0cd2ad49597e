"""Values of options and arguments that the shell completes."""

from __future__ import annotations


def complete_model(incomplete: str) -> list[str]:
    """Return the names of known and installed models that start with a text.

    After a ``+``, which joins the models of an ensemble, the next name is completed.
    """
    from vidcolor.generators.store.registry import EMBEDDED_MODEL, list_installed, load_registry

    joined, plus, start = incomplete.rpartition("+")
    names = dict.fromkeys((EMBEDDED_MODEL, *load_registry(), *list_installed()))
    return [f"{joined}{plus}{name}" for name in names if name.startswith(start)]


def complete_device(incomplete: str) -> list[str]:
    """Return the device names that start with a text."""
    from vidcolor.generators.device import DEVICES

    return [name for name in DEVICES if name.startswith(incomplete)]


def complete_precision(incomplete: str) -> list[str]:
    """Return the names of precisions that start with a text."""
    from vidcolor.generators.device import PRECISIONS

    return [name for name in PRECISIONS if name.startswith(incomplete)]
