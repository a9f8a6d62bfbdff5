"""The package that the labs import: what is not the idea of a lab stands here.

Modules, each importing only what stands left of it:
runtime, data, plots, checks, widgets (the last three do not import each other).
"""
