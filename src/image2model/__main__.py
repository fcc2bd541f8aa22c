"""`python -m image2model` is the command line."""

from image2model.cli.main import main

if __name__ == "__main__":
    main()
