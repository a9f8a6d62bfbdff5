"""The makers' library: what a lab is, how it runs, what equal means, the rules of form, and the plugin for pytest.

Modules, each importing only what stands left of it: lab, compare, kernel, rules, plugin. Nothing here has a command
line, and nothing imports tests.commands.
"""
