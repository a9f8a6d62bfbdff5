"""The makers' commands, one a module, behind `python -m tests NAME`: see tests/__main__.py."""
