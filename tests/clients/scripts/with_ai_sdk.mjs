import { createAnthropic } from '@ai-sdk/anthropic'
import { createOpenAI } from '@ai-sdk/openai'
import { generateText, stepCountIs, streamText, tool } from 'ai'
import { z } from 'zod'

const url = process.env.GATEWAY
const openai = createOpenAI({ baseURL: `${url}/v1`, apiKey: 'caller' })
const anthropic = createAnthropic({ baseURL: `${url}/v1`, apiKey: 'caller' })
const models = {
  chat: openai.chat('auto'),
  responses: openai('auto'),
  messages: anthropic('claude-sonnet-4-5'),
}
const providerOptions = { openai: { store: false } }

const tried = {}
for (const [name, model] of Object.entries(models)) {
  let called
  const weather = tool({
    inputSchema: z.object({ city: z.string() }),
    execute: async (input) => {
      called = input
      return 'sunny'
    },
  })
  const streamed = await streamText({ model, prompt: `Say hello ${name}`, providerOptions }).text
  const { text } = await generateText({
    model,
    prompt: `Weather? ${name}`,
    tools: { weather },
    stopWhen: stepCountIs(3),
    providerOptions,
  })
  tried[name] = { streamed, called, said: text }
}
console.log(JSON.stringify(tried))
