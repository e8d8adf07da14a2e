"""A predictor's OpenAPI schema, as Cog's static parser would write it, without Cog and without importing the predictor.

`cog build` never runs predict.py to learn its inputs. A parser written in Go reads the text, and where it cannot follow
(an imported default, a computed bound, a description in parentheses) it says nothing: the input becomes required, the
bound vanishes, the text is gone. The image then serves, validates by and documents the poorer schema. This package reads
the same text by the same rules, gives the same document, and names every such loss with its line.

    reading = read(Path("predict.py"), "Predictor")
    reading.openapi     # the document as dicts and lists, its keys in Cog's order
    reading.json()      # the bytes of .cog/openapi_schema.json
    reading.dropped     # (Dropped(line=12, what="x: ge=LOW is not a plain number, so Cog leaves the bound out."), …)

A predictor that Cog refuses raises SchemaError in Cog's own words. Each module names the Go file it follows: Cog's
pkg/schema, read at 0.22 and held against the answers of 0.23 in tests/schema. From text to document the way is

    source        the tree with its tokens          literals, scope      values that Cog can read
    imports, models, neighbours                     names and where they come from
    predictor     the method that Cog runs          input_call, shared, inputs, decorators
    annotations   input_types, output_types         openapi, go_json     the document and its bytes

Limits. Trainings are left out: the project has none. Python that does not parse is refused, where Cog's parser reads
on; lines in brackets that stand further left than the block around them can throw Cog's grammar off, and do not throw
this off. A list concatenated twice from one constant may in Cog come out with the second one's items (Go's append
writes in place); here it never does. COG_OPENAPI_SCHEMA, Cog's way round the parser, is not looked at.
"""

from __future__ import annotations

from granite.schema.dropped import Dropped
from granite.schema.error import SchemaError
from granite.schema.reading import Reading, read, read_source

__all__ = ["Dropped", "Reading", "SchemaError", "read", "read_source"]
