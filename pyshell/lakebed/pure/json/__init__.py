"""JSON alone: checking, summaries of values and the types that follow from them, values of columns. No store, no files.

From the bottom up: `syntax` and `values` (texts as values), `times`, `node`, `summary`, `observe` and `encoding` (what
is known of a collection's values, and its bytes), `types`, `names`, `settings`, `infer` and `columns` (the typed
columns that follow), `description` and `descriptions` (what the catalogue keeps), `fit`, `spans` and `extract` (values
of columns). docs/types.md is the specification.
"""

from __future__ import annotations

from lakebed.pure.json.descriptions import Observer, described, merged_descriptions, schema_of, whole_description
from lakebed.pure.json.encoding import BadSummary
from lakebed.pure.json.syntax import JsonError

__all__ = ["BadSummary", "JsonError", "Observer", "described", "merged_descriptions", "schema_of", "whole_description"]
