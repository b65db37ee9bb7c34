"""`python -m sumpool` is `sumpool`."""

from sumpool.cli import main

if __name__ == "__main__":
    main()
