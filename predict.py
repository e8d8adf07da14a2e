"""Granite 3.3 8B Instruct behind Cog: one engine, one typed predict(), tokens that stream."""

from pathlib import Path
from typing import Any

import cog
import structlog
from cog import BasePredictor, ConcatenateIterator, Input

from granite.engine import engine_args
from granite.hardware import Hardware
from granite.model import adapters, weights
from granite.openai_api.server import OpenAIServer, bind
from granite.output import output
from granite.request.inputs import Inputs
from granite.request.prompt import PromptTemplate
from granite.request.request import Checks
from granite.serving import cancellation, guardian, logs, metrics
from granite.serving.cog_server import CogServer
from granite.serving.lifecycle import Lifecycle, Timing
from granite.serving.record import Record
from granite.serving.running import Running
from granite.serving.stream import stream as streamed
from granite.settings import Settings

CHAT_TEMPLATE = Path(__file__).parent / "chat_template.jinja"


class Predictor(BasePredictor):
    async def setup(self) -> None:  # type: ignore[override]  # Cog awaits it; its base class does not say so
        """Load the model. An operator's mistake fails before vLLM is imported, which takes seconds."""
        settings = Settings.from_environment()
        logs.configure(settings)
        guardian.start()
        log = structlog.get_logger()
        listener = bind(settings)
        hardware = Hardware.detect()
        model = weights.find(settings, hardware, report=log.info)
        if model.notice:
            log.warning(model.notice)
        loras = adapters.find(settings, model)
        arguments = engine_args.build(settings, hardware, model, loras)
        engine_args.set_environment(settings, hardware)
        cancellation.install()
        log.info("Importing vLLM")
        from granite.engine.engine import Engine

        self.engine = await Engine.start(arguments, loras, log_prompts=settings.log_prompts)
        self.engine.capacity().log(log, settings, hardware)
        self.checks = Checks(self.engine.adapters, trust_chat_template=settings.trust_chat_template)
        self.template = PromptTemplate(CHAT_TEMPLATE)
        self.running = Running()
        metrics.watch(self.running, settings.cog_max_concurrency)
        defaults = Inputs.defaults(self.predict)
        openai_api = await OpenAIServer.start(listener, settings, self.engine, self.checks, self.template, defaults)
        timing = Timing(grace=settings.shutdown_grace)
        self.lifecycle = Lifecycle(CogServer.own(), self.engine, self.running, openai_api, timing)
        self.lifecycle.start()

    async def healthcheck(self) -> bool:
        """Report the engine's health; Cog only checks for free slots."""
        return self.lifecycle.failure is None

    @cog.streaming
    @cog.concurrent(max=256)
    async def predict(
        self,
        prompt: str = Input(
            description="The user's prompt. One that begins with <|start_of_role|> is sent as it is.", default=""
        ),
        system_prompt: str | None = Input(description="Replaces the default system prompt.", default=None),
        max_tokens: int = Input(description="Maximum number of tokens to generate.", default=512, ge=1),
        min_tokens: int = Input(description="Minimum number of tokens to generate.", default=0, ge=0),
        temperature: float = Input(
            description="Randomness of the answer: 0 always takes the likeliest token.", default=0.6, ge=0, le=2
        ),
        top_p: float = Input(
            description="Sample from the likeliest tokens that together have this probability.", default=0.9, ge=0, le=1
        ),
        top_k: int = Input(
            description="Sample from this many of the likeliest tokens; 0 or -1: from all.", default=50, ge=-1
        ),
        presence_penalty: float = Input(
            description="Above 0: tokens that are already in the answer become less likely.", default=0, ge=-2, le=2
        ),
        frequency_penalty: float = Input(
            description="Above 0: a token becomes less likely each time it is used in the answer.",
            default=0,
            ge=-2,
            le=2,
        ),
        stop: list[str] | None = Input(description="Stop before any of these texts.", default=None),
        seed: int | None = Input(
            description="The same seed gives the same answer. Random if not set; the log shows it.", default=None
        ),
        thinking: bool = Input(
            description="Let the model think first: <think>…</think><response>…</response>.", default=False
        ),
        messages: list[dict[str, Any]] | None = Input(
            description="A chat in OpenAI's format, instead of prompt. The answer is a chat.completion object.",
            default=None,
        ),
        documents: list[dict[str, Any]] | None = Input(
            description="Documents to answer from, each with text and optionally doc_id and title.", default=None
        ),
        tools: list[dict[str, Any]] | None = Input(
            description="Functions that the model may call, in OpenAI's format.", default=None
        ),
        tool_choice: str | dict[str, Any] | None = Input(
            description="Whether the model calls a function: auto, none, required, or a named one. Requires messages.",
            default=None,
        ),
        response_format: dict[str, Any] | None = Input(
            description="Format of the answer: text, json_object or json_schema.", default=None
        ),
        stream: bool = Input(
            description="Answer messages with chat.completion.chunk objects, one per line. A prompt's answer always streams.",
            default=False,
        ),
        citations: bool = Input(description="Cite the documents. Requires messages and documents.", default=False),
        hallucinations: bool = Input(
            description="Rate the risk that a sentence is unsupported by the documents. Requires messages and documents.",
            default=False,
        ),
        length: str | None = Input(description="Length of the answer.", default=None, choices=["short", "long"]),
        originality: str | None = Input(
            description="Quote the documents, or answer in the model's own words.",
            default=None,
            choices=["extractive", "abstractive"],
        ),
        suffix: str | None = Input(
            description="Fill in the middle: generate the text between prompt and this suffix.", default=None
        ),
        min_p: float = Input(
            description="Exclude tokens less likely than this fraction of the likeliest one.", default=0, ge=0, le=1
        ),
        repetition_penalty: float = Input(
            description="Above 1: tokens that are already in the prompt or the answer become less likely.",
            default=1,
            ge=0,
        ),
        logprobs: int | None = Input(
            description="Report the log probability of each token and of this many alternatives. Requires messages.",
            default=None,
            ge=0,
            le=20,
        ),
        sampling_params: dict[str, Any] | None = Input(
            description="More of vLLM's sampling parameters by their own names, such as logit_bias or regex.",
            default=None,
        ),
        adapter: str | None = Input(description="Name of one of the server's LoRA adapters.", default=None),
        chat_template: str | None = Input(
            description="A Jinja chat template for this request, if the server allows it.", default=None
        ),
        chat_template_kwargs: dict[str, Any] | None = Input(
            description="thinking and controls in the format of Granite's model card.", default=None
        ),
        add_generation_prompt: bool = Input(
            description="End the prompt with the start of the assistant's turn.", default=True
        ),
        max_completion_tokens: int | None = Input(description="Another name for max_tokens.", default=None, ge=1),
        stop_sequences: str | None = Input(
            description="Another name for stop: texts separated by commas.", default=None
        ),
    ) -> ConcatenateIterator[str]:
        self.running.add_current(metrics.count_unanswered)
        inputs = Inputs(**{name: value for name, value in locals().items() if name != "self"})
        record = Record(inputs.user_prompt, self.scope)
        with record.log_failure():
            request = self.checks.request(inputs)
            text = self.template.render(request.conversation)
            record.prompt(text)
            tokenized = await self.engine.tokenize(text, request.max_tokens)
            record.answer.prompt_tokens = tokenized.tokens
            params = await self.engine.sampling_params(request, tokenized)
            record.params(params)
        deltas = self.engine.generate(tokenized, params, record.id, request.adapter, self.scope.context)
        chunks = output.of(request, record.answer, request.adapter or self.engine.model, record.id)
        return streamed(deltas, chunks, record, self.running)
