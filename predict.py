"""Granite 3.3 8B Instruct behind Cog: one engine, one typed predict(), tokens that stream."""

import inspect
import uuid
from pathlib import Path

import cog
import structlog
from cog import BasePredictor, ConcatenateIterator, Input

from granite import cancellation, logs, profile, weights
from granite.answer import Answer
from granite.faults import Faults
from granite.prompt import Conversation, PromptFormat
from granite.record import Record
from granite.sampling import Sampling
from granite.settings import Settings
from granite.stream import stream

CHAT_TEMPLATE = Path(__file__).parent / "chat_template.jinja"


class Predictor(BasePredictor):
    async def setup(self) -> None:  # type: ignore[override]  # Cog awaits it; its base class does not say so
        """Load the model. A mistake of the operator's is told before vLLM is imported, which takes seconds."""
        settings = Settings.from_environment()
        logs.configure(settings)
        log = structlog.get_logger()
        found = weights.find(settings, report=log.info)
        if found.notice:
            log.warning(found.notice)
        self.prompt_format = PromptFormat(CHAT_TEMPLATE, settings.trust_chat_template)
        cancellation.install()
        profile.set_environment()
        log.info("Importing vLLM")
        from granite.engine import Engine

        self.engine = Engine.start(profile.engine_args(found, settings))

    async def healthcheck(self) -> bool:
        """A dead engine fails every request while Cog still says READY."""
        return not self.engine.dead

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
        min_p: float = Input(
            description="Leave out tokens less likely than this share of the likeliest one.", default=0, ge=0, le=1
        ),
        repetition_penalty: float = Input(
            description="Above 1, tokens of prompt and answer become less likely.", default=1, ge=0
        ),
        chat_template: str | None = Input(
            description="A Jinja chat template for this request, where the server allows it.", default=None
        ),
        max_completion_tokens: int | None = Input(description="Another name of max_tokens.", default=None, ge=1),
        stop_sequences: str | None = Input(description="Another name of stop: texts split at commas.", default=None),
    ) -> ConcatenateIterator[str]:
        answer = Answer()
        request_id = uuid.uuid4().hex
        log = structlog.get_logger().bind(request_id=request_id, user_prompt=prompt)
        log.info("predict() commencing")

        faults = Faults(inspect.signature(self.predict).parameters)
        asked = Conversation(prompt, system_prompt, thinking, chat_template)
        self.prompt_format.check(faults, asked)
        sampling = Sampling.checked(
            faults,
            max_tokens=max_tokens,
            min_tokens=min_tokens,
            temperature=temperature,
            top_p=top_p,
            top_k=top_k,
            presence_penalty=presence_penalty,
            frequency_penalty=frequency_penalty,
            stop=stop,
            seed=seed,
            min_p=min_p,
            repetition_penalty=repetition_penalty,
            max_completion_tokens=max_completion_tokens,
            stop_sequences=stop_sequences,
        )
        faults.check()

        formatted_prompt = self.prompt_format.format(asked)
        log.debug("Formatted prompt using chat template", formatted_prompt=formatted_prompt)
        tokenized = await self.engine.tokenize(formatted_prompt, sampling)
        answer.prompt_tokens = tokenized.tokens
        params = self.engine.sampling_params(sampling)
        log.debug("SamplingParams", sampling_params=params)

        deltas = self.engine.generate(tokenized, params, request_id)
        return stream(deltas, Record(answer, log, self.scope))
