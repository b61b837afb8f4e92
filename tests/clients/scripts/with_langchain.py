import json
import os

import pydantic
from langchain_anthropic import ChatAnthropic
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI

URL = os.environ["GATEWAY"]


class City(pydantic.BaseModel):
    name: str
    people: int


@tool
def weather(city: str) -> str:
    """Tells the weather."""
    return "sunny"


def tried(model, name):
    asked = model.bind_tools([weather]).invoke(f"Weather? {name}")
    city = model.with_structured_output(City, method="function_calling").invoke(f"A city? {name}")
    return {
        "streamed": "".join(chunk.text for chunk in model.stream(f"Say hello {name}")),
        "called": asked.tool_calls[0]["args"],
        "structured": city.model_dump(),
    }


chat = ChatOpenAI(base_url=f"{URL}/v1", api_key="caller", model="auto")
responses = ChatOpenAI(base_url=f"{URL}/v1", api_key="caller", model="auto", use_responses_api=True, store=False)
messages = ChatAnthropic(base_url=URL, api_key="caller", model="claude-sonnet-4-5")
models = {"chat": chat, "responses": responses, "messages": messages}
print(json.dumps({name: tried(model, name) for name, model in models.items()}))
