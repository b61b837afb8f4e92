import json
import os

import anthropic
import instructor
import openai
import pydantic

URL = os.environ["GATEWAY"]


class City(pydantic.BaseModel):
    name: str
    people: int


def asking(name):
    return {"messages": [{"role": "user", "content": f"A city? {name}"}], "response_model": City}


chat = instructor.from_openai(openai.OpenAI(base_url=f"{URL}/v1", api_key="caller"))
messages = instructor.from_anthropic(anthropic.Anthropic(base_url=URL, api_key="caller"))
print(
    json.dumps(
        {
            "chat": {"structured": chat.create(model="auto", **asking("chat")).model_dump()},
            "messages": {"structured": messages.create(model="auto", max_tokens=99, **asking("messages")).model_dump()},
        }
    )
)
