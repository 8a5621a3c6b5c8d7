"""`bursar`, and `python -m bursar`."""

import sys


def main() -> None:
    """Run the command line. A plain `bursar status` goes past click, which takes long to import."""
    if sys.argv[1:2] == ["status"]:
        from .adapters.cli.quick import plain_status

        if plain_status(sys.argv[2:]):
            return
    from .adapters.cli.group import run
    from .commands import MANAGING

    run(MANAGING)


if __name__ == "__main__":
    main()
