"""What Cog refuses."""

from __future__ import annotations


class SchemaError(Exception):
    """A predictor that Cog's static parser refuses, in Cog's own words.

    Two of Cog's messages are a bare name (the class that is not there, the method without a return type); those two
    are made a sentence that holds the name. Python that does not parse is refused here as well: Cog's parser would
    read on past the mistake, but no predictor can run with it.
    """
