"""Entry point of the command ``vidcolor`` and of ``python -m vidcolor``."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    # Until the command can print a message, Ctrl-C ends the process without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from vidcolor.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
