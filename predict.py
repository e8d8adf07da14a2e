"""Granite 3.3 8B Instruct behind Cog: one engine, one typed predict(), tokens that stream."""

import uuid
from pathlib import Path
from typing import Any

import cog
import structlog
from cog import BasePredictor, ConcatenateIterator, Input

from granite import openai_api
from granite.engine import engine_args as profile
from granite.engine.parallel import Parallel
from granite.model import adapters, weights
from granite.openai_api import listener
from granite.output import output
from granite.output.answer import Answer
from granite.request import lora
from granite.request import structured_output as guide
from granite.request.conversation import Conversation
from granite.request.faults import Faults
from granite.request.further_sampling import FurtherSampling
from granite.request.inputs import Inputs
from granite.request.prompt import PromptFormat
from granite.request.sampling import Sampling
from granite.serving import cancellation, logs, metrics
from granite.serving.cog_server import CogServer
from granite.serving.lifecycle import Lifecycle
from granite.serving.record import Record
from granite.serving.running import Running
from granite.serving.stream import chunks
from granite.settings import Settings

CHAT_TEMPLATE = Path(__file__).parent / "chat_template.jinja"


class Predictor(BasePredictor):
    async def setup(self) -> None:  # type: ignore[override]  # Cog awaits it; its base class does not say so
        """Load the model. A mistake of the operator's is told before vLLM is imported, which takes seconds."""
        settings = Settings.from_environment()
        logs.configure(settings)
        log = structlog.get_logger()
        port = listener.bound(settings)
        found = weights.find(settings, report=log.info)
        if found.notice:
            log.warning(found.notice)
        Parallel.asked(settings).check(settings, found)
        known = adapters.find(settings, found)
        arguments = profile.engine_args(found, settings, known)
        self.trust_chat_template = settings.trust_chat_template
        self.prompt_format = PromptFormat(CHAT_TEMPLATE)
        cancellation.install()
        profile.set_environment(settings)
        log.info("Importing vLLM")
        from granite.engine.engine import Engine

        self.engine = Engine.start(arguments, known)
        await self.engine.load_adapters()
        self.running = Running()
        metrics.watch(self.running, settings.cog_max_concurrency)
        defaults = Inputs.defaults(self.predict)
        second_door = await openai_api.opened(port, self.engine, settings, self.prompt_format, defaults)
        self.lifecycle = Lifecycle(CogServer.own(), self.engine, self.running, second_door, settings.shutdown_grace)
        self.lifecycle.start()

    async def healthcheck(self) -> bool:
        """Cog says READY where its slots are free, whatever became of the engine."""
        return self.lifecycle.failure is None

    @cog.streaming
    @cog.concurrent(max=256)
    async def predict(
        self,
        prompt: str = Input(
            description="What to ask the model. A text that begins with <|start_of_role|> is sent as it is.", default=""
        ),
        system_prompt: str | None = Input(description="Replaces the default system text.", default=None),
        max_tokens: int = Input(description="The most tokens to generate.", default=512, ge=1),
        min_tokens: int = Input(description="Generate at least this many tokens.", default=0, ge=0),
        temperature: float = Input(
            description="How random the answer is: 0 always takes the likeliest token.", default=0.6, ge=0, le=2
        ),
        top_p: float = Input(
            description="Draw from the likeliest tokens that together have this probability.", default=0.9, ge=0, le=1
        ),
        top_k: int = Input(
            description="Draw from this many likeliest tokens; 0 or -1 draws from all.", default=50, ge=-1
        ),
        presence_penalty: float = Input(
            description="Above 0, tokens that the answer already holds become less likely.", default=0, ge=-2, le=2
        ),
        frequency_penalty: float = Input(
            description="Above 0, tokens become less likely each time the answer uses them.", default=0, ge=-2, le=2
        ),
        stop: str | list[str] | None = Input(description="End the answer before any of these texts.", default=None),
        seed: int | None = Input(description="The same seed gives the same answer; drawn if left out.", default=None),
        thinking: bool = Input(
            description="Let the model think first: <think>…</think><response>…</response>.", default=False
        ),
        messages: list[dict[str, Any]] | None = Input(
            description="A chat, as OpenAI has it, in place of prompt: the answer is a chat.completion.", default=None
        ),
        documents: list[dict[str, Any]] | None = Input(
            description="Texts that the answer keeps to: doc_id, title, text.", default=None
        ),
        tools: list[dict[str, Any]] | None = Input(
            description="Functions that the model may call, as OpenAI defines them; with messages.", default=None
        ),
        tool_choice: str | dict[str, Any] | None = Input(
            description="Whether it calls one: auto, none, required, or a function by its name.", default=None
        ),
        response_format: dict[str, Any] | None = Input(
            description="The form of the answer: text, json_object or json_schema.", default=None
        ),
        stream: bool = Input(
            description="Send the answer to messages as chat.completion.chunk objects, one a line.", default=False
        ),
        citations: bool = Input(description="Name the document behind each fact; with messages.", default=False),
        hallucinations: bool = Input(
            description="Rate each sentence's risk of standing in no document; with messages.", default=False
        ),
        length: str | None = Input(
            description="How long the answer should be.", default=None, choices=["short", "long"]
        ),
        originality: str | None = Input(
            description="In the documents' words, or in the model's own.",
            default=None,
            choices=["extractive", "abstractive"],
        ),
        suffix: str | None = Input(description="Write what stands between prompt and this text.", default=None),
        min_p: float = Input(
            description="Leave out tokens less likely than this share of the likeliest one.", default=0, ge=0, le=1
        ),
        repetition_penalty: float = Input(
            description="Above 1, tokens of prompt and answer become less likely.", default=1, ge=0
        ),
        logprobs: int | None = Input(
            description="How many likely alternatives of each token to report; with messages.",
            default=None,
            ge=0,
            le=20,
        ),
        sampling_params: dict[str, Any] | None = Input(
            description="What else vLLM samples by, under its names, such as logit_bias or regex.", default=None
        ),
        adapter: str | None = Input(description="The name of a LoRA adapter that the server has.", default=None),
        chat_template: str | None = Input(
            description="A Jinja chat template for this request, where the server allows it.", default=None
        ),
        chat_template_kwargs: dict[str, Any] | None = Input(
            description="thinking and controls, as the model card writes them.", default=None
        ),
        add_generation_prompt: bool = Input(
            description="End the prompt where the assistant begins to speak.", default=True
        ),
        max_completion_tokens: int | None = Input(description="Another name of max_tokens.", default=None, ge=1),
        stop_sequences: str | None = Input(description="Another name of stop: texts split at commas.", default=None),
    ) -> ConcatenateIterator[str]:
        self.running.add_current(metrics.count_unanswered)
        inputs = Inputs(**{name: value for name, value in locals().items() if name != "self"})
        answer = Answer()
        request_id = uuid.uuid4().hex
        log = structlog.get_logger().bind(request_id=request_id, user_prompt=inputs.user_prompt)
        log.info("predict() commencing")

        faults = Faults(vars(inputs))
        conversation = Conversation.checked(faults, inputs, self.trust_chat_template)
        further = FurtherSampling.checked(faults, inputs)
        sampling = Sampling.checked(faults, inputs, further.sampled, conversation.tools.bias)
        guided = guide.checked(faults, inputs, conversation, further, self.engine.refusal)
        chosen = lora.checked(faults, inputs, [*self.engine.loras])
        faults.check()

        formatted_prompt = self.prompt_format.format(conversation)
        log.debug("Formatted prompt using chat template", formatted_prompt=formatted_prompt)
        tokenized = await self.engine.tokenize(formatted_prompt, sampling.max_tokens)
        answer.prompt_tokens = tokenized.tokens
        params = self.engine.sampling_params(sampling, guided, output.needs_markers(inputs, conversation))
        log.debug("SamplingParams", sampling_params=params)

        deltas = self.engine.generate(tokenized, params, request_id, chosen, self.scope.context)
        form = output.of(inputs, conversation, answer, chosen or self.engine.model, request_id)
        return chunks(deltas, Record(answer, log, self.scope), form, self.running)
