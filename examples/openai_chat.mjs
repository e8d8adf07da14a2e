// Stream a chat's answer from the OpenAI API: node examples/openai_chat.mjs QUESTION

const URL = "http://localhost:8000/v1";
const headers = { "Content-Type": "application/json", Authorization: "Bearer secret" };

const models = await (await fetch(`${URL}/models`, { headers })).json();
const response = await fetch(`${URL}/chat/completions`, {
  method: "POST",
  headers,
  body: JSON.stringify({
    model: models.data[0].id,
    messages: [{ role: "user", content: process.argv[2] }],
    stream: true,
  }),
});
if (!response.ok) throw new Error(await response.text());

let rest = "";
for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop();
  for (const line of lines.filter((line) => line.startsWith("data: {"))) {
    const chunk = JSON.parse(line.slice("data: ".length));
    if (chunk.error) throw new Error(chunk.error.message);
    process.stdout.write(chunk.choices[0]?.delta.content ?? "");
  }
}
