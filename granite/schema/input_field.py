"""One input as the schema shows it. Source: buildInputSchema, pkg/schema/openapi_spec.go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from granite.schema.error import SchemaError
from granite.schema.input_call import InputCall
from granite.schema.input_types import InputType
from granite.schema.literals import NONE
from granite.schema.primitives import PRIMITIVES
from granite.schema.title import title

_CONSTRAINTS = ("ge", "le", "min_length", "max_length", "regex")


@dataclass(frozen=True)
class InputField:
    """A parameter's name, its place, its type, and what its Input() says.

    Raises SchemaError for constraints on a union, and for accept= on anything but files.
    """

    name: str
    order: int
    type: InputType
    call: InputCall

    def __post_init__(self) -> None:
        if self.call.has("accept") and self.type.scalar not in {"Path", "File"}:
            raise SchemaError(f"accept is only valid on Path or File inputs (parameter '{self.name}')")
        if self.type.is_union and (self.call.choices or self.call.has(*_CONSTRAINTS)):
            raise SchemaError("unsupported type: constraints and choices are not supported on union inputs")

    @property
    def nullable(self) -> bool:
        """Optional, or a bare Secret whose default is None: the one type for which Cog takes None at its word."""
        return self.type.nullable or (self.type.name == "Secret" and self.call.default == NONE)

    @property
    def has_default(self) -> bool:
        """Whether there is a default; None is one only for an input that may be null."""
        return self.call.default is not None and (self.call.default != NONE or self.nullable)

    @property
    def required(self) -> bool:
        """Whether the caller must give it. An optional union without a default is required; no other optional is."""
        return not self.has_default and (self.type.is_union or not self.type.nullable)

    def json(self) -> dict[str, Any]:
        """Its JSON Schema, which refers to the enumeration for an input with choices."""
        schema: dict[str, Any] = {"x-order": self.order}
        if self.call.choices:
            schema["allOf"] = [{"$ref": f"#/components/schemas/{self.name}"}]
        else:
            schema.update(self.type.json(), title=title(self.name))
        if self.call.default is not None and self.has_default:
            schema["default"] = self.call.default.json()
        if self.nullable:
            schema["nullable"] = True
        return {**schema, **self.call.json()}

    def enumeration(self) -> dict[str, Any]:
        """The component that an input with choices refers to."""
        return {
            "title": self.name,
            "description": "An enumeration.",
            "enum": [choice.json() for choice in self.call.choices],
            "type": PRIMITIVES[self.type.scalar]["type"],
        }
