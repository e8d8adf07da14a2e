// Replicate's client for Node: run, whole and polled, and stream.
import Replicate from "replicate";

const [url, key, request] = process.argv.slice(2);
const { model, version, input } = JSON.parse(request);
const replicate = new Replicate({ baseUrl: `${url}/v1`, auth: key });

let streamed = "";
for await (const event of replicate.stream(model, { input })) streamed += event;
console.log(
  JSON.stringify({
    run: (await replicate.run(model, { input })).join(""),
    "run, polled": (await replicate.run(`${model}:${version}`, { input, wait: { mode: "poll" } })).join(""),
    stream: streamed,
  }),
);
