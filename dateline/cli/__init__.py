"""The command line. `main` dispatches; each other module holds commands that belong together and is loaded when one is called."""
