/**
 * Draws the picture of the README from a finished run: its curves next to text that it writes. A
 * story is replayed: each of its sentences has a tick, or a cross and what is wrong with it.
 *
 *     deno task speedrun && deno task picture
 */

import { stagePath } from "../chat/internals.ts";
import {
  type Checkpoint,
  loadModel,
  type MetricsRecord,
  openCheckpoint,
  openDevice,
  readMetrics,
  writeText,
} from "../gpt/mod.ts";
import { METRICS_FILE, parameterCount, writeFileAtomically } from "../gpt/internals.ts";
import { drawCurves } from "../gpt/files/report.ts";
import { escapeXml, svgDocument } from "../gpt/files/svg.ts";
import { checkStory } from "../stories/mod.ts";
import { optional, runName, runScript, type Script, text } from "../scripts/flags.ts";
import { count, duration } from "../scripts/format.ts";

const flags = {
  modelTag: { ...runName("The name of the run's folder"), fallback: "speedrun" },
  prompt: optional(
    text("", "The beginning that the model continues, by default one that suits it"),
  ),
  output: text("assets/speedrun.svg", "Where to write the picture", "PATH"),
};

/** As speedrun samples. */
const sampling = { temperature: 0.8, topK: 50, seed: 42 };

/** Prompts for a model of stories, and for any other model. */
const beginnings = {
  stories: { prompt: "Once upon a time, there was a kind dragon named Tom.", maxTokens: 250 },
  other: { prompt: "My fellow Americans,", maxTokens: 110 },
} as const;

const script: Script<typeof flags> = {
  summary: "Draws the loss curve of a finished run next to text that the model writes.",
  command: "deno task picture",
  flags,
  run: async ({ modelTag, prompt, output }) => {
    const folder = stagePath("base", modelTag);
    const checkpoint = await openCheckpoint(folder);
    const metrics = await readMetrics(`${folder}/${METRICS_FILE}`);
    const beginning = beginnings[isOfStories(checkpoint) ? "stories" : "other"];
    const sample = await sampleFrom(checkpoint, prompt ?? beginning.prompt, beginning.maxTokens);
    await writeFileAtomically(output, pictureOf(checkpoint, metrics, sample));
    console.log(`Wrote ${output}`);
  },
};

const isOfStories = ({ meta }: Pick<Checkpoint, "meta">) => meta.settings.data === "stories";

async function sampleFrom(
  checkpoint: Checkpoint,
  prompt: string,
  maxTokens: number,
): Promise<string> {
  const device = await openDevice("auto");
  try {
    const model = await loadModel(checkpoint, device);
    const pieces = await Array.fromAsync(
      writeText(model, checkpoint.tokenizer, prompt, { ...sampling, maxTokens }),
    );
    return prompt + pieces.join("").trimEnd();
  } finally {
    await device.close();
  }
}

/** Characters of a line, which begins with a mark. */
const LINE_LENGTH = 54;

/** A line of the sample. */
interface Line {
  readonly text: string;
  readonly color?: string;
}

const [RIGHT, WRONG] = ["#2f9e44", "#e03131"];

/** A text in lines; a story sentence by sentence, each with a tick or a cross and its fault. */
function linesOf(sample: string, isStory: boolean): Line[] {
  if (!isStory) return wrap(sample, LINE_LENGTH).map((text) => ({ text }));
  const { sentences, questions } = checkStory(sample);
  const marked = (text: string, isRight: boolean): Line[] =>
    wrap(text, LINE_LENGTH - 2).map((line, i) => ({
      text: `${i > 0 ? " " : isRight ? "✓" : "✗"} ${line}`,
      color: isRight ? RIGHT : WRONG,
    }));
  return [
    ...sentences.flatMap(({ text, faults }) => [
      ...marked(text, faults.length === 0),
      ...faults.slice(0, 1).map((fault) => ({ text: `  → ${fault}`, color: WRONG })),
    ]),
    { text: "" },
    ...questions.flatMap(({ question, answer, wanted }) =>
      marked(`${question} ${answer}`, answer === wanted)
    ),
  ];
}

/** The picture of a run, from its last checkpoint's description and its metrics, and a sample. */
export function pictureOf(
  checkpoint: Pick<Checkpoint, "meta">,
  metrics: readonly MetricsRecord[],
  sample: string,
): string {
  const { meta } = checkpoint;
  const { state, settings } = meta;
  const points = (name: string, times = 1) =>
    metrics.flatMap(({ step, [name]: value }) =>
      typeof value === "number" ? [{ x: step, y: times * value }] : []
    );
  const chart = { width: 440, height: 280 };
  const curves = [drawCurves("Training loss", [
    { name: "each step", color: "#9198a1", points: points("loss") },
    { name: "average", color: "#e8590c", points: points("smoothLoss") },
  ], chart)];
  const questions = points("questionsRight", 100);
  if (questions.length > 0) {
    // Without a name in the corner, into which it rises.
    const curve = { name: "", color: RIGHT, points: questions };
    const below = { width: chart.width, height: 200 };
    curves.push([
      `<g transform="translate(0 ${chart.height})">`,
      ...drawCurves("Right answers about new stories, percent", [curve], below),
      "</g>",
    ]);
  }
  const lines = linesOf(sample, isOfStories(checkpoint));
  const height = Math.max(curves.length * 240 + 50, 80 + 17 * lines.length);
  const size = { width: 880, height };
  const left = chart.width + 16;
  const mainCharacter = isOfStories(checkpoint) ? / named (\p{L}+)/u.exec(sample)?.[1] : undefined;
  const texts = lines.map(({ text, color }, i) =>
    `<text x="${left}" y="${52 + 17 * i}" font-size="12" xml:space="preserve" ` +
    `${color === undefined ? "" : `style="fill: ${color}" `}` +
    `font-family="ui-monospace, Menlo, Consolas, monospace">${
      inBold(escapeXml(text), mainCharacter)
    }</text>`
  );
  const facts = [
    `${(parameterCount(meta) / 1e6).toFixed(1)} million parameters`,
    `${count(state.step)} steps`,
    `${count(state.step * Number(settings.totalBatchSize))} tokens`,
    `trained in ${duration(state.seconds)}`,
    ...(state.bitsPerByte === null ? [] : [`${state.bitsPerByte.toFixed(3)} bits per byte`]),
  ].join(" · ");
  return svgDocument(size, `Curves of a training run (${facts}) and text it wrote: ${sample}`, [
    ...curves.flat(),
    `<text x="${left}" y="22" font-size="15">${
      isOfStories(checkpoint) ? "A story, replayed by a program" : "Sample"
    }</text>`,
    ...texts,
    `<text class="muted" x="${size.width / 2}" y="${size.height - 18}" font-size="13" ` +
    `text-anchor="middle">${escapeXml(facts)}</text>`,
  ]);
}

/** Sets the name that was typed in bold, wherever it stands. */
function inBold(text: string, name: string | undefined): string {
  if (name === undefined) return text;
  return text.replace(new RegExp(`\\b${name}\\b`, "gu"), '<tspan font-weight="bold">$&</tspan>');
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
