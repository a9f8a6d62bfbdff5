"""How Sphinx makes the site from what pages.py writes. Nothing here runs a notebook."""

import html
import re

from docutils import nodes
from latex2mathml.converter import convert

project = "Neural Network Labs"
extensions = ["myst_nb"]
language = "en"
root_doc = "README"
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
myst_heading_slug_func = "tests.site.pages.anchor"
nitpicky = True
html_theme = "pydata_sphinx_theme"
html_title = project
html_copy_source = False
html_show_sourcelink = False
html_show_copyright = False
html_show_search_summary = False  # it is fetched, which a page that was opened as a file cannot do
html_static_path = ["site.css", "icon.svg"]
html_css_files = ["site.css"]
html_favicon = "icon.svg"
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
html_sidebars = {"*": [], "data/*": []}  # only labs have neighbours


def read(app, doctree):
    """Folds setup and solutions, describes figures as the lab does, and needs no picture of the network."""
    for node in list(doctree.findall(nodes.container)):
        if {"setup", "solution"} & set(node.get("cell_metadata", {}).get("tags", [])):
            title = re.match(r"# @title (.+)", node[0].astext())
            summary = html.escape(title[1] if title else "Setup, the same in every lab")
            node.insert(1, nodes.raw("", "</details>", format="html"))
            node.insert(0, nodes.raw("", f"<details><summary>{summary}</summary>", format="html"))
        elif node.get("nb_element") == "mime_bundle":
            texts = {kind["mime_type"]: kind.astext() for kind in node}
            for image in node.findall(nodes.image):
                image["alt"] = texts["text/plain"]  # a rule of form: each figure has one
    for image in list(doctree.findall(nodes.image)):
        if "://" in image["uri"]:
            image.replace_self(nodes.Text(image["alt"]))


def inline_formula(translator, node):
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def formula(translator, node):
    translator.body.append(f'<div class="formula" tabindex="0">{convert(node.astext(), display="block")}</div>\n')
    raise nodes.SkipNode


def setup(app):
    app.connect("doctree-read", read)
    app.add_html_math_renderer("mathml", (inline_formula, None), (formula, None))
