"""What the README and docs/ say, held against what there is; their code and examples/ are run."""

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
from tests.samples import FILES

PAGES = {
    str(page): page.read_text(encoding="utf-8") for page in [Path("README.md"), *sorted(Path("docs").glob("*.md"))]
}

TOOLS = {
    "sh": ("sh", ["curl", "jq"]),
    "python": (sys.executable, []),
    "js": ("node", ["node"]),
}
"""What runs each language, and the programs that it needs. Blocks without a language need Docker, a GPU or a terminal."""

BLOCKS = {
    f"{page}-{number}": block
    for page, text in PAGES.items()
    for number, block in enumerate(re.findall(r"^```(\w+)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE), 1)
}
EXAMPLES = {
    str(file): ({".py": "python", ".mjs": "js"}[file.suffix], file.read_text(encoding="utf-8"))
    for file in sorted(Path("examples").iterdir())
}


def table(page, heading):
    """The cells of the table under a heading."""
    section = PAGES[page].split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
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
    assert table("README.md", "Inputs") == [
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
    assert [row[0].strip("`") for row in table("docs/operations.md", "Settings")] == [
        name.upper() for name in Settings.model_fields
    ]


def test_the_readme_is_short_and_shows_the_large_model_early():
    lines = PAGES["README.md"].splitlines()
    assert len(lines) <= 200
    assert any(line.startswith("cog build ") for line in lines[:100])


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page):
    """Its commands, and what it links to."""
    missing = [command for command in re.findall(r"script/[\w-]+", PAGES[page]) if not Path(command).is_file()]
    for link in re.findall(r"\]\(([^)]+)\)", PAGES[page]):
        if "://" not in link:
            file, _, anchor = link.partition("#")
            target = (Path(page).parent / file if file else Path(page)).resolve()
            anchors = [heading_anchor(line) for line in target.read_text().splitlines()] if anchor else [anchor]
            missing += [link] * (not target.exists() or anchor not in anchors)
    assert missing == []


def heading_anchor(line):
    """As GitHub makes it."""
    return re.sub(r"[^\w -]", "", line.lower()).strip().replace(" ", "-") if line.startswith("#") else None


@pytest.fixture(scope="module")
def expected(cog):
    """What the examples' request answers, greedy and short."""
    return answer(cog, prompt="What is granite?", max_tokens=16, temperature=0)


@pytest.mark.parametrize(("language", "code"), [*BLOCKS.values(), *EXAMPLES.values()], ids=[*BLOCKS, *EXAMPLES])
def test_an_example_prints_the_answer(server, http, expected, tmp_path, language, code):
    """As it stands, but for the ports, the key, and a short, repeatable answer."""
    program, tools = TOOLS[language]
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} is not installed here")
    for written, used in (
        ("localhost:5000", server.url.removeprefix("http://")),
        ("localhost:8000", f"127.0.0.1:{http.base_url.port}"),
        ("secret", KEY),
        ('{"prompt": ', '{"max_tokens": 16, "temperature": 0, "prompt": '),
        ("{ prompt: ", "{ max_tokens: 16, temperature: 0, prompt: "),
        ('"messages": ', '"max_tokens": 16, "temperature": 0, "messages": '),
        ("messages: ", "max_tokens: 16, temperature: 0, messages: "),
        ("stream=True", "stream=True, max_tokens=16, temperature=0"),
    ):
        code = code.replace(written, used)
    file = tmp_path / "example.mjs"  # the ending counts for node alone
    file.write_text(code, encoding="utf-8")
    ran = subprocess.run([program, file, "What is granite?"], capture_output=True, text=True, timeout=120)
    assert (ran.returncode, ran.stdout) == (0, expected), ran.stderr


def test_the_defaults_of_the_settings_are_documented():
    """Those that are plain values."""
    documented = {row[0].strip("`").lower(): row[1] for row in table("docs/operations.md", "Settings")}
    plain = {
        name: field.default for name, field in Settings.model_fields.items() if type(field.default) in (int, str, bool)
    }
    assert {name: documented[name].split(";")[0].strip("`") for name in plain} == {
        name: str(default).lower() for name, default in plain.items()
    }
