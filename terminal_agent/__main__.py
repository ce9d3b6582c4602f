"""`python -m terminal_agent` is `till-terminal`."""

from terminal_agent.cli import main

if __name__ == "__main__":
    main()
