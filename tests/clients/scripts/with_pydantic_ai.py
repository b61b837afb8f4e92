import json
import os

import pydantic
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider

URL = os.environ["GATEWAY"]


class City(pydantic.BaseModel):
    name: str
    people: int


def tried(model, name):
    called = []
    agent = Agent(model)

    @agent.tool_plain
    def weather(city: str) -> str:
        called.append({"city": city})
        return "sunny"

    said = agent.run_sync(f"Weather? {name}").output
    city = Agent(model, output_type=City).run_sync(f"A city? {name}").output
    return {"said": said, "called": called[0], "structured": city.model_dump()}


openai = OpenAIProvider(base_url=f"{URL}/v1", api_key="caller")
anthropic = AnthropicProvider(base_url=URL, api_key="caller")
models = {
    "chat": OpenAIChatModel("auto", provider=openai),
    "responses": OpenAIResponsesModel("auto", provider=openai, settings={"openai_store": False}),
    "messages": AnthropicModel("claude-sonnet-4-5", provider=anthropic),
}
print(json.dumps({name: tried(model, name) for name, model in models.items()}))
