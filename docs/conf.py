"""The documentation site: ``sphinx-build -W -n docs docs/_build/html``."""

import sys
from pathlib import Path

import django
from django.conf import settings

here = Path(__file__).parent
sys.path[:0] = [str(here / "_ext"), str(here.parent)]

# The reference tables are read from the code, which needs a configured Django.
settings.configure(
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "rest_framework",
        "fastauth_django",
    ],
    SECRET_KEY="the documentation signs nothing with this",  # noqa: S106
)
django.setup()

import fastauth_django  # noqa: E402

project = "fastauth_django"
author = "fastauth_django contributors"
copyright = f"2026, {author}"
release = fastauth_django.__version__
version = release

extensions = ["myst_parser", "accessibility", "reference", "sphinx.ext.autodoc", "sphinx_copybutton"]
copybutton_prompt_text = "$ "  # which the button leaves out
exclude_patterns = ["_build"]
nitpicky = True
myst_heading_anchors = 3
# the docstrings say what the arguments are; a link to every type would need the documentation of five other projects
autodoc_typehints = "none"
smartquotes = False  # a quoted "lax" is a value

html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}  # the text of the page is in the repository
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["tables.css", "drawings.css"]
html_js_files = ["scrolling.js"]
html_title = f"{project} {release}"
