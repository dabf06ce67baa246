import { assert, assertEquals } from "@std/assert";
import { ideas } from "./ideas.ts";
import { stops } from "./tour.ts";

const texts = stops.map(({ title, lines }) => ({ title, lines: lines() }));

Deno.test("no line of the tour is wider than a terminal of 80 columns", () => {
  for (const { title, lines } of texts) {
    for (const line of lines) assert(line.length <= 80, `${title}: ${line}`);
  }
});

Deno.test("the tour prints numbers, and never NaN or undefined", () => {
  for (const { title, lines } of texts) {
    assert(!/NaN|undefined|Infinity|-0\b(?!\.)/.test(lines.join("\n")), title);
    assert(lines.every((line) => /^[\x20-\x7e]*$/.test(line)), `${title} is not plain text`);
  }
});

Deno.test("each worked example shows its numbers at its stop", () => {
  const expected: Record<string, readonly string[]> = {
    "Rules or examples": ["1834.000", "1500  1.800  31.996"],
    "One neuron": ["tanh(2 + (-7.5) + 1)", "tanh(-4.5) = -0.9998"],
    "Layers": ["26 parameters", "layers.1.neurons.1.bias"],
    "The forward pass": ["relu(0.46) = 0.46", "relu(0.3) = 0.3", "sigmoid(0.272) = 0.5676"],
    "The loss": ["0.04", "2.25"],
    "The gradient is a slope": ["squared     = 16", "= -24"],
    "Gradient descent": ["2.20000000", "2.32000000", "7/3"],
    "Backpropagation": ["= 3.71", "= 3.48", "10.9", "0.81"],
    "The training loop": ["zero", "forward", "loss", "backward", "update", "3.710000"],
    "Tokens": ["h + e", "t + he", "strawberry"],
    "Embeddings and positions": ["Tina", "0.9923", "-0.0347"],
    "Attention in numbers": ["0.36  0.49", "0.78", "0.90", "it copies 'n'"],
    "A block": ["x = x + attention(norm(x))", "4.56", "0.86"],
    "The optimizer": ["-2.69", "0.051"],
    "Overfitting": ["never seen"],
    "From continuing to answering": [
      "<|user_start|>       only read",
      "Moo                  learned",
    ],
    "A tool": ["<|output_start|>   engine", "43                 engine"],
    "Reward": ["0.25", "0.75", "-0.25"],
    "Serve": ["4     Cem, 7   Bob, 8", "take 11 steps; together they take 6"],
    "Where each idea lives": ["nn/linear.ts", "autograd/tape.ts", "gpt/train/loop.ts"],
  };
  for (const [title, parts] of Object.entries(expected)) {
    const text = texts.find((stop) => stop.title === title)?.lines.join("\n") ?? "";
    for (const part of parts) assert(text.includes(part), `${title}: ${part}`);
  }
});

Deno.test("every file that the tour names exists", async () => {
  const missing: string[] = [];
  for (const { path } of ideas) {
    const file = new URL(`../${path}`, import.meta.url);
    if (!await Deno.stat(file).then(({ isFile }) => isFile, () => false)) missing.push(path);
  }
  assertEquals(missing, []);
});
