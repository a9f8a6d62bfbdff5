"""Tests of the labs, of utils and of themselves; the makers' library (course) and its commands (python -m tests)."""

import sys

# With this package jsonschema, which nbformat imports, compiles a grammar for a second that nothing here asks for.
sys.modules.setdefault("rfc3987_syntax", None)
