"""`python -m chatbot` and the console script `batuta`."""

from __future__ import annotations

from chatbot.cli import cli


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
