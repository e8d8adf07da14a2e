// Stream an answer from the Cog API: node examples/cog_stream.mjs QUESTION

const URL = "http://localhost:5000";

const request = {
  method: "POST",
  headers: { "Content-Type": "application/json", Accept: "text/event-stream" },
  body: JSON.stringify({ input: { prompt: process.argv[2] } }),
};
let response;
while ((response = await fetch(`${URL}/predictions`, request)).status === 409)
  await new Promise((again) => setTimeout(again, 1000)); // at capacity: try again
if (!response.ok) throw new Error(await response.text());

let rest = "";
for await (const text of response.body.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop();
  for (const line of lines.filter((line) => line.startsWith("data: "))) {
    const event = JSON.parse(line.slice("data: ".length));
    if (event.error) throw new Error(event.error);
    process.stdout.write(event.chunk ?? "");
  }
}
