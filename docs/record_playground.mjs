// Record docs/playground.png: Cog's playground in a real browser, in front of a running script/serve.
//
//   script/serve                                                     # READY at http://localhost:5000
//   cog playground --target http://localhost:5000 --no-open          # prints its address
//   npm install --no-save playwright-core                            # and Chromium from the system's packages
//   CHROMIUM=/usr/bin/chromium node docs/record_playground.mjs ADDRESS
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
await page.goto(process.argv[2]);
const inputs = { prompt: "What is the capital of France, and why do people visit it?", max_tokens: "160", seed: "3" };
for (const [name, value] of Object.entries(inputs)) {
  await page.check(`#include-field-${name}`);
  await page.fill(`#field-${name}`, value);
}
await page.click("#run-mode-stream");
await page.click("#run-prediction");
await page.getByText("Paris").first().waitFor();
await page.evaluate(() => window.scrollTo(0, 0));
await page.screenshot({ path: fileURLToPath(new URL("playground.png", import.meta.url)) });
await browser.close();
