"""What the README says, held against what there is."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from granite.cli import schema
from granite.settings import Settings
from tests.conftest import KEY
from tests.predictions import answer
from tests.samples import FILES, MODEL

README = Path("README.md").read_text(encoding="utf-8")


def table(heading):
    """The cells of the table under a heading."""
    section = README.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows[1:]]


NAMES = {
    "string": "text",
    "integer": "integer",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list of",
}


def type_of(schema):
    if "enum" in schema:
        return " or ".join(f"`{choice}`" for choice in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    return NAMES[schema["type"]] + (f" {NAMES[schema['items']['type']]}s" if schema["type"] == "array" else "")


def default_of(schema):
    default = str(schema["default"])
    return {"None": "none", "": "empty", "False": "false", "True": "true"}.get(default, default)


def bounds_of(schema):
    least, most = schema.get("minimum"), schema.get("maximum")
    return "" if least is None else f"from {least} to {most}" if most is not None else f"at least {least}"


def example_of(name):
    """The input's own request file, by its value where that is short."""
    value = json.dumps(FILES[name][name], ensure_ascii=False)
    return f"[{f'`{value}`' if len(value) <= 48 else 'a file'}](tests/requests/{name}.json)"


def test_the_inputs_table_is_the_schema():
    """Names in their order, types, defaults, bounds, descriptions and examples."""
    assert table("Inputs") == [
        [
            f"`{name}`",
            type_of(properties),
            default_of(properties),
            bounds_of(properties),
            properties["description"].replace("|", "\\|").replace("<", "&lt;"),
            example_of(name),
        ]
        for name, properties in schema.inputs(Path("predict.py").read_text(encoding="utf-8")).items()
    ]


def test_the_settings_table_is_the_settings():
    """Every variable that is read, and no other."""
    assert [row[0].strip("`") for row in table("Settings")] == [name.upper() for name in Settings.model_fields]


def test_the_two_commands_exist():
    """They stand at the top."""
    for command in re.findall(r"^(script/\w+)", README, flags=re.MULTILINE):
        assert Path(command).is_file(), command


@pytest.fixture(scope="module")
def expected(cog):
    """What the examples' request answers, greedy and short."""
    return answer(cog, prompt="What is granite?", max_tokens=16, temperature=0)


@pytest.mark.parametrize(
    ("language", "command"),
    [("sh", ["sh", "-c"]), ("python", [sys.executable, "-c"]), ("js", ["node", "--input-type=module", "-e"])],
)
def test_the_examples_print_the_answer(server, expected, language, command):
    """As they stand, but for the server's port and a short, repeatable answer."""
    missing = [tool for tool in {"sh": ["curl", "jq"], "js": ["node"]}.get(language, []) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} is not installed here")
    code = re.search(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)[1]
    code = code.replace("http://localhost:5000", server.url).replace("localhost:5000", server.url)
    code = code.replace('"What is granite?"', '"What is granite?", "max_tokens": 16, "temperature": 0')
    ran = subprocess.run([*command, code], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, expected), ran.stderr


def test_the_openai_example_prints_the_answer(http, expected):
    """As it stands, but for the server's port, the key, and a short, repeatable answer."""
    code = next(code for code in re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL) if "OpenAI(" in code)
    for written, used in (
        ("localhost:8000", f"127.0.0.1:{http.base_url.port}"),
        ('api_key="secret"', f'api_key="{KEY}"'),
        ("stream=True", "stream=True, max_tokens=16, temperature=0"),
    ):
        assert written in code
        code = code.replace(written, used)
    assert f'model="{MODEL}"' in code
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, expected), ran.stderr


def test_the_defaults_of_the_settings_are_documented():
    """Those that are plain values."""
    documented = {row[0].strip("`").lower(): row[1] for row in table("Settings")}
    plain = {
        name: field.default for name, field in Settings.model_fields.items() if type(field.default) in (int, str, bool)
    }
    assert {name: documented[name].split(";")[0].strip("`") for name in plain} == {
        name: str(default).lower() for name, default in plain.items()
    }
