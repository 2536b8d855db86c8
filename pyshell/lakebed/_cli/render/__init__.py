"""Results as text: tables, records, Markdown, CSV and JSON. Pure functions over columns and rows of text.

A value is the text of DuckDB's cast to VARCHAR, or None for NULL.
"""

from lakebed._cli.render.binary import described
from lakebed._cli.render.cells import count, cut, escaped, printable, printable_json, size, width
from lakebed._cli.render.charts import CHARTS, NoChart, chart
from lakebed._cli.render.columns import PLAIN, Column, Row, Style
from lakebed._cli.render.html import html
from lakebed._cli.render.json_text import json_array, json_objects, json_values, laid_out
from lakebed._cli.render.records import csv, markdown, vertical
from lakebed._cli.render.tables import Box, Drawing, Measure, box, footer, missing

__all__ = [
    "CHARTS",
    "PLAIN",
    "Box",
    "Column",
    "Drawing",
    "Measure",
    "NoChart",
    "Row",
    "Style",
    "box",
    "chart",
    "count",
    "csv",
    "cut",
    "described",
    "escaped",
    "footer",
    "html",
    "json_array",
    "json_objects",
    "json_values",
    "laid_out",
    "markdown",
    "missing",
    "printable",
    "printable_json",
    "size",
    "vertical",
    "width",
]
