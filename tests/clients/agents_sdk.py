"""OpenAI's Agents SDK: an agent calls its tool and answers from the result, over chats and over responses."""

import json
import sys

from agents import Agent, ModelSettings, Runner, function_tool, set_tracing_disabled
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel
from openai import AsyncOpenAI

url, key, request = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
set_tracing_disabled(True)


@function_tool
def get_weather(city: str) -> str:
    """Weather of a city, now."""
    return request["result"]


def ran(model):
    settings = ModelSettings(tool_choice="required", temperature=0, max_tokens=request["max_tokens"])
    result = Runner.run_sync(
        Agent(name="Clerk", model=model, tools=[get_weather], model_settings=settings), request["weather"]
    )
    calls = [item.raw_item for item in result.new_items if item.type == "tool_call_item"]
    return [[{"name": call.name, "arguments": call.arguments} for call in calls], result.final_output]


client = AsyncOpenAI(base_url=url, api_key=key, max_retries=0)
function = {
    "name": get_weather.name,
    "description": get_weather.description,
    "parameters": get_weather.params_json_schema,
}
print(
    json.dumps(
        {
            "tool": {"type": "function", "function": function},
            "chats": ran(OpenAIChatCompletionsModel(request["model"], client)),
            "responses": ran(OpenAIResponsesModel(request["model"], client)),
        }
    )
)
