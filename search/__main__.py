"""`python -m search`."""

if __name__ == "__main__":
    # Imported only here: worker processes read this module, too, and need no command line.
    from search.cli import main

    main()
