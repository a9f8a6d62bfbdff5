"""The course as a Sphinx project: conf.py says how it looks, pages.py what it reads, check.mjs looks at it."""
