"""How the documentation is built: `make docs`, with warnings as errors.

Sphinx with MyST and furo: all three build without the network, and their pages load nothing from
anywhere else.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import tagwatch

project = "tagwatch"
author = "the tagwatch authors"
copyright = "the tagwatch authors, Apache-2.0"  # noqa: A001  # Sphinx reads this name
version = release = tagwatch.__version__

extensions = ["myst_parser", "generated"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "schema", "__pycache__"]
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]  # excerpts with … are no whole YAML or JSON

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_title = "tagwatch"
html_static_path = ["static"]
html_css_files = ["tagwatch.css"]
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"top_of_page_buttons": []}

# `make docs-links` asks the network: what is made up in examples is not asked.
linkcheck_ignore = [r"https?://[^/]*\.example(/.*)?$", r"https?://localhost.*", r".*your-org.*"]
linkcheck_timeout = 15
