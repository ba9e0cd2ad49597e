"""Entry point of ``python -m vidcolor``."""

from vidcolor.cli import main

if __name__ == "__main__":
    main()
