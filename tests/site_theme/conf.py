"""How Sphinx makes the site; tests/site.py copies this file to the sources. Nothing here runs a notebook."""

from docutils import nodes
from latex2mathml.converter import convert

project = "Neural Network Labs"
extensions = ["myst_nb"]
language = "en"
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nitpicky = True
html_theme = "pydata_sphinx_theme"
html_title = project
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_search_summary = False  # it is fetched, which a page that was opened as a file cannot do
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_favicon = "_static/icon.svg"
html_context = {"default_mode": "auto"}
html_use_index = False  # the glossary is one
html_math_renderer = "mathml"
html_theme_options = {
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {"index": [], "start": [], "map": [], "glossary": [], "formulas": []}


def inline_formula(translator, node):
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def formula(translator, node):
    translator.body.append(f'<div class="formula" tabindex="0">{convert(node.astext(), display="block")}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))
