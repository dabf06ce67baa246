/**
 * Draws the picture of the README from a finished run: its loss curve beside text that it writes.
 *
 *     deno task speedrun && deno task picture
 */

import { stagePath } from "../chat/mod.ts";
import {
  type Checkpoint,
  loadModel,
  METRICS_FILE,
  type MetricsRecord,
  openCheckpoint,
  openDevice,
  parameterCount,
  readMetrics,
  writeFileAtomically,
  writeText,
} from "../gpt/mod.ts";
import { drawCurves } from "../gpt/files/report.ts";
import { escapeXml, svgDocument } from "../gpt/files/svg.ts";
import { runName, runScript, type Script, text } from "../scripts/flags.ts";
import { count, duration } from "../scripts/format.ts";

const flags = {
  modelTag: { ...runName("The name of the run's folder"), fallback: "speedrun" },
  prompt: text("My fellow Americans,", "The beginning that the model continues"),
  output: text("assets/speedrun.svg", "Where to write the picture", "PATH"),
};

/** As speedrun samples, so that the picture begins with the text that it printed. */
const sampling = { maxTokens: 110, temperature: 0.8, topK: 50, seed: 42 };

const script: Script<typeof flags> = {
  summary: "Draws the loss curve of a finished run beside text that the model writes.",
  command: "deno task picture",
  flags,
  run: async ({ modelTag, prompt, output }) => {
    const folder = stagePath("base", modelTag);
    const checkpoint = await openCheckpoint(folder);
    const metrics = await readMetrics(`${folder}/${METRICS_FILE}`);
    const sample = await sampleFrom(checkpoint, prompt);
    await writeFileAtomically(output, pictureOf(checkpoint, metrics, sample));
    console.log(`Wrote ${output}`);
  },
};

async function sampleFrom(checkpoint: Checkpoint, prompt: string): Promise<string> {
  const device = await openDevice("auto");
  try {
    const model = await loadModel(checkpoint, device);
    const pieces = await Array.fromAsync(
      writeText(model, checkpoint.tokenizer, prompt, sampling),
    );
    return prompt + pieces.join("").trimEnd();
  } finally {
    await device.close();
  }
}

const LINE_LENGTH = 50;

/** The picture of a run, from its last checkpoint's description and its metrics, and a sample. */
export function pictureOf(
  { meta }: Pick<Checkpoint, "meta">,
  metrics: readonly MetricsRecord[],
  sample: string,
): string {
  const { state, settings } = meta;
  const points = (name: string) =>
    metrics.flatMap(({ step, [name]: value }) =>
      typeof value === "number" ? [{ step, value }] : []
    );
  const size = { width: 880, height: 330 };
  const chart = { width: 440, height: 280 };
  const curve = drawCurves("Training loss", [
    { name: "each step", color: "#9198a1", points: points("loss") },
    { name: "average", color: "#e8590c", points: points("smoothLoss") },
  ], chart);
  const left = chart.width + 24;
  const lines = wrap(sample, LINE_LENGTH).map((line, i) =>
    `<text x="${left}" y="${58 + 19 * i}" font-size="13" ` +
    `font-family="ui-monospace, Menlo, Consolas, monospace">${escapeXml(line)}</text>`
  );
  const facts = [
    `${(parameterCount(meta) / 1e6).toFixed(1)} million parameters`,
    `${count(state.step)} steps`,
    `${count(state.step * Number(settings.totalBatchSize))} tokens`,
    `trained in ${duration(state.seconds)}`,
    ...(state.bitsPerByte === null ? [] : [`${state.bitsPerByte.toFixed(3)} bits per byte`]),
  ].join(" · ");
  return svgDocument(size, `Loss curve of a training run (${facts}) and text it wrote: ${sample}`, [
    ...curve,
    `<text x="${left}" y="22" font-size="15">Sample</text>`,
    ...lines,
    `<text class="muted" x="${size.width / 2}" y="${size.height - 18}" font-size="13" ` +
    `text-anchor="middle">${escapeXml(facts)}</text>`,
  ]);
}

function wrap(text: string, length: number): string[] {
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= length) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

if (import.meta.main) Deno.exit(await runScript(script, Deno.args));
