"""The OpenAPI document around the inputs and the output. Source: pkg/schema/openapi_spec.go."""

from __future__ import annotations

from typing import Any

from granite.schema.error import SchemaError
from granite.schema.go_json import whole
from granite.schema.input_field import InputField
from granite.schema.output_types import Ordered, OutputType

COG_VERSION = "0.23.1"
"""What Cog's CLI writes as info.version: its own version. This is the one that the project pins."""


def openapi(fields: list[InputField], output: OutputType, *, streaming: bool) -> dict[str, Any]:
    """The whole document, its keys in the order in which Cog writes them. Raises SchemaError for NaN and infinity."""
    components = Ordered(Input=_input(fields), Output={**output.json(), "title": "Output"})
    components.update((field.name, field.enumeration()) for field in fields if field.call.choices)
    components.update(_COMPONENTS)
    document = {
        "components": {"schemas": components},
        "info": {"title": "Cog", "version": COG_VERSION},
        "openapi": "3.0.2",
        "paths": _paths(streaming=streaming),
    }
    arranged: dict[str, Any] = _arranged(document)
    return arranged


def _input(fields: list[InputField]) -> dict[str, Any]:
    properties = Ordered((field.name, field.json()) for field in fields)
    schema = {"properties": properties, "title": "Input", "type": "object"}
    required = [field.name for field in fields if field.required]
    return {**schema, "required": required} if required else schema


def _paths(*, streaming: bool) -> dict[str, Any]:
    predict: dict[str, Any] = {
        "summary": "Predict",
        "description": "Run a single prediction on the model",
        "operationId": "predict_predictions_post",
        "requestBody": _body(_ref("PredictionRequest")),
        "responses": {"200": _success(_ref("PredictionResponse")), "422": _INVALID},
    }
    if streaming:
        predict["x-cog-streaming"] = True
    cancel = {
        "summary": "Cancel",
        "operationId": "cancel_predictions__prediction_id__cancel_post",
        "parameters": [{"required": True, "schema": _text("Prediction Id"), "name": "prediction_id", "in": "path"}],
        "responses": {"200": _success({}), "422": _INVALID},
    }
    return {
        "/": {"get": _get("Root", "root__get")},
        "/health-check": {"get": _get("Healthcheck", "healthcheck_health_check_get")},
        "/predictions": {"post": predict},
        "/predictions/{prediction_id}/cancel": {"post": cancel},
    }


def _get(summary: str, operation: str) -> dict[str, Any]:
    return {"summary": summary, "operationId": operation, "responses": {"200": _success({})}}


def _success(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": "Successful Response", **_body(schema)}


def _body(schema: dict[str, Any]) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _ref(component: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{component}"}


def _text(title: str, **more: str) -> dict[str, Any]:
    return {"title": title, "type": "string", **more}


def _object(title: str, properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": properties, **more}


def _arranged(value: Any) -> Any:
    if isinstance(value, Ordered):
        try:
            return {key: _arranged(item) for key, item in value.items()}
        except SchemaError as error:
            raise SchemaError(f"json: error calling MarshalJSON for type *schema.orderedMapAny: {error}") from None
    if isinstance(value, dict):
        return {key: _arranged(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_arranged(item) for item in value]
    return whole(value) if isinstance(value, float) else value


_INVALID = {"description": "Validation Error", **_body(_ref("HTTPValidationError"))}
_STATUSES = ["starting", "processing", "succeeded", "canceled", "failed"]
_COMPONENTS: dict[str, Any] = {
    "PredictionRequest": _object("PredictionRequest", {"id": _text("Id"), "input": _ref("Input")}),
    "PredictionResponse": _object(
        "PredictionResponse",
        {
            "input": _ref("Input"),
            "output": _ref("Output"),
            "id": _text("Id"),
            "version": _text("Version"),
            "created_at": _text("Created At", format="date-time"),
            "started_at": _text("Started At", format="date-time"),
            "completed_at": _text("Completed At", format="date-time"),
            "status": _text("Status"),
            "error": _text("Error"),
            "logs": _text("Logs"),
            "metrics": {"title": "Metrics", "type": "object"},
        },
    ),
    "Status": {"title": "Status", "description": "An enumeration.", "enum": _STATUSES, "type": "string"},
    "HTTPValidationError": _object(
        "HTTPValidationError",
        {"detail": {"title": "Detail", "type": "array", "items": _ref("ValidationError")}},
    ),
    "ValidationError": _object(
        "ValidationError",
        {
            "loc": {
                "title": "Location",
                "type": "array",
                "items": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
            },
            "msg": _text("Message"),
            "type": _text("Error Type"),
        },
        required=["loc", "msg", "type"],
    ),
}
