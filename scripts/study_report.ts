/** The report of a study: a table with means and errors, and charts. */

import { reportAsHtml, reportAsMarkdown, type ReportSection } from "../chat/internals.ts";
import {
  type Curve,
  type CurvePoint,
  curvesAsSvg,
  fitScalingLaws,
  lossAt,
  MIN_SCALING_SIZES,
  type Optimum,
  type ParameterCounts,
  type PowerLaw,
  type ReportRow,
  rowName,
  type ScalingLaws,
  scalingParameters,
  type ScalingPoint,
  type Study,
  type StudyResult,
  type StudyRow,
  writeFileAtomically,
} from "../gpt/internals.ts";
import { sourceCommit } from "./commit.ts";
import { duration, short } from "./format.ts";

/** Colors that are visible on white and on black. */
const COLORS = ["#e8590c", "#1c7ed6", "#2f9e44", "#9c36b5", "#c2255c", "#0c8599", "#868e96"];

/** Maximum points of a loss curve. */
const MAX_POINTS = 200;

/** Ways to count the parameters of a model. */
const conventions: readonly {
  readonly name: string;
  readonly file: string;
  readonly count: (parameters: ParameterCounts) => number;
}[] = [
  { name: "all parameters", file: "all", count: ({ total }) => total },
  { name: "layers and head, without embeddings", file: "matmul", count: scalingParameters },
];

/** Writes `report.md`, `report.html` and their pictures into the folder of a study. */
export async function writeStudyReport(
  folder: string,
  study: Study,
  rows: readonly StudyRow[],
): Promise<void> {
  const results = rows.flatMap(({ results }) => results);
  const pictures: Picture[] = [];
  const sections = study.hasScalingLaws
    ? scalingSections(results, pictures)
    : plainSections(study, rows, pictures);
  const commit = await sourceCommit();
  const report = {
    title: `Study ${study.name}`,
    rows: [
      ...(study.about === "" ? [] : [["question", study.about] as const]),
      ["runs", `${results.length} of ${study.rows.length * study.seeds.length} are done`],
      ["settings of all", Object.entries(study.fixed).map(flagOf).join(" ")],
      ["seeds", study.seeds.join(", ")],
      ["training", duration(results.reduce((sum, { seconds }) => sum + seconds, 0))],
      ...(commit === null ? [] : [["commit", commit] as const]),
    ] satisfies ReportRow[],
    figures: {
      columns: ["runs", "bits per byte", "standard error", "p"],
      rows: rows.map(({ row, results, mean, error, p }) => [
        rowName(study.rows[row]!),
        `${results.length}`,
        mean?.toFixed(4) ?? "",
        error?.toFixed(4) ?? "",
        p === null ? "" : p < 0.0001 ? "< 0.0001" : p.toFixed(4),
      ]),
    },
    sections,
  };
  for (const { file, svg } of pictures) await writeFileAtomically(`${folder}/${file}`, svg);
  await writeFileAtomically(`${folder}/report.md`, reportAsMarkdown(report));
  await writeFileAtomically(`${folder}/report.html`, reportAsHtml(report));
}

interface Picture {
  readonly file: string;
  readonly svg: string;
}

/** The losses of all rows and, if a single number varies, the bits per byte against it. */
function plainSections(
  study: Study,
  rows: readonly StudyRow[],
  pictures: Picture[],
): ReportSection[] {
  const sections: ReportSection[] = [];
  const add = (title: string, file: string, svg: string) => {
    pictures.push({ file, svg });
    sections.push({ title, rows: [], picture: file, samples: [] });
  };
  const curves = rows.flatMap(({ row, results }): Curve[] => {
    const points = meanLosses(results);
    if (points.length === 0) return [];
    return [{ name: rowName(study.rows[row]!), color: colorOf(row), points }];
  });
  if (curves.length > 0) {
    add("Loss", "loss.svg", curvesAsSvg("Smoothed loss in nats per token, mean of seeds", curves));
  }
  const [name, ...others] = Object.keys(study.rows[0]!);
  const values = study.rows.map((row) => row[name!]);
  const points = rows.flatMap(({ row, results }) =>
    results.map(({ bitsPerByte }) => ({ x: Number(values[row]), y: bitsPerByte }))
  ).sort((a, b) => a.x - b.x);
  const isNumeric = others.length === 0 && values.every((value) => typeof value === "number");
  if (!isNumeric || new Set(values).size < 2 || points.length === 0) return sections;
  const means = rows.flatMap(({ row, mean }) =>
    mean === null ? [] : [{ x: Number(values[row]), y: mean }]
  ).sort((a, b) => a.x - b.x);
  const numbers = values.map(Number);
  const isWide = Math.min(...numbers) > 0 && Math.max(...numbers) >= 8 * Math.min(...numbers);
  add(
    `Bits per byte by ${name}`,
    "bits_per_byte.svg",
    curvesAsSvg(`Bits per byte of each run, and means`, [
      { name: "", color: COLORS[0]!, points, mark: "dots" },
      { name: "", color: COLORS[0]!, points: means },
    ], { x: name!, logarithmic: isWide ? ["x"] : [] }),
  );
  return sections;
}

/** The mean of the smoothed losses of runs of equal length, at some of their steps. */
function meanLosses(results: readonly StudyResult[]): CurvePoint[] {
  const [first] = results;
  if (first === undefined) return [];
  const every = Math.ceil(first.losses.length / MAX_POINTS);
  return first.losses.flatMap(({ x }, i) => {
    const losses = results.flatMap(({ losses }) => losses[i]?.y ?? []);
    if (losses.length < results.length || (i + 1) % every !== 0) return [];
    return [{ x, y: losses.reduce((sum, loss) => sum + loss, 0) / losses.length }];
  });
}

/**
 * Scaling laws for each way to count parameters, fitted to the budgets that have enough sizes so
 * far.
 */
function scalingSections(results: readonly StudyResult[], pictures: Picture[]): ReportSection[] {
  const sizesOf = (budget: number) =>
    new Set(results.flatMap((result) => result.budget === budget ? result.parameters.total : []));
  const usable = results.filter(({ budget }) => sizesOf(budget).size >= MIN_SCALING_SIZES);
  if (usable.length === 0) {
    const wanted = `models of at least ${MIN_SCALING_SIZES} sizes for a budget`;
    return [{ title: "Scaling laws", rows: [["not yet", `wanted ${wanted}`]], samples: [] }];
  }
  const sections: ReportSection[] = [];
  const growth: Curve[] = [];
  for (const { name, file, count: countOf } of conventions) {
    const points = usable.map(({ budget, parameters, tokens, bitsPerByte }): ScalingPoint => ({
      budget,
      parameters: countOf(parameters),
      tokens,
      loss: bitsPerByte,
    }));
    const laws = fitScalingLaws(points);
    const picture = `sizes_${file}.svg`;
    pictures.push({ file: picture, svg: drawSizes(name, points, laws.optima) });
    sections.push({
      title: `Scaling laws: ${name}`,
      rows: lawRows(laws),
      picture,
      samples: [],
    });
    growth.push(...growthCurves(name, laws, COLORS.slice(growth.length)));
  }
  if (growth.length > 0) {
    const axes = { x: "FLOP", logarithmic: ["x", "y"] } as const;
    const svg = curvesAsSvg("The best model for a budget", growth, axes);
    pictures.push({ file: "growth.svg", svg });
    sections.push({
      title: "Growth with the budget",
      rows: [],
      picture: "growth.svg",
      samples: [],
    });
  }
  return sections;
}

function lawRows({ optima, parameters, tokens }: ScalingLaws): ReportRow[] {
  return [
    ...optima.map((
      optimum,
    ): ReportRow => [`${short(optimum.budget)}FLOP`, describeOptimum(optimum)]),
    ["best parameters", describeLaw(parameters)],
    ["best tokens", describeLaw(tokens)],
  ];
}

function describeOptimum({ parameters, tokens, loss, isInside }: Optimum): string {
  if (parameters === null) return "no minimum: the parabola opens downward";
  return `${short(parameters)} parameters, ${short(tokens!)} tokens, ` +
    `${(tokens! / parameters).toFixed(1)} tokens per parameter, ${loss!.toFixed(4)} bits per byte` +
    (isInside ? "" : "; extrapolated: no model on the other side of it was trained");
}

function describeLaw(law: PowerLaw | null): string {
  if (law === null) {
    return "unknown: wanted at least two budgets with a minimum between models that were trained";
  }
  const interval = law.interval === null
    ? "no interval, as there are no runs to spare"
    : `95 % interval ${law.interval[0].toFixed(3)} to ${law.interval[1].toFixed(3)}`;
  return `proportional to FLOP^${law.exponent.toFixed(3)}; ${interval}`;
}

/** The runs of each budget by size, the parabola through them, and its minimum. */
function drawSizes(
  name: string,
  points: readonly ScalingPoint[],
  optima: readonly Optimum[],
): string {
  const curves = optima.flatMap(({ budget, parabola, parameters, loss, isInside }, i): Curve[] => {
    const color = colorOf(i);
    const ofBudget = points.filter((point) => point.budget === budget);
    const sizes = ofBudget.map(({ parameters }) => parameters);
    const [low, high] = [Math.min(...sizes), Math.max(...sizes)];
    const fit = Array.from({ length: 41 }, (_, step) => {
      const x = low * (high / low) ** (step / 40);
      return { x, y: lossAt(parabola, x) };
    });
    const minimum = isInside
      ? [{
        name: "",
        color: COLORS.at(-1)!,
        mark: "dots" as const,
        points: [{ x: parameters!, y: loss! }],
      }]
      : [];
    return [
      {
        name: `${short(budget)}FLOP`,
        color,
        mark: "dots",
        points: ofBudget.map(({ parameters, loss }) => ({ x: parameters, y: loss })),
      },
      { name: "", color, mark: "dashes", points: fit },
      ...minimum,
    ];
  });
  return curvesAsSvg(`Bits per byte by size; minima in gray`, curves, {
    x: `${name}`,
    logarithmic: ["x"],
  });
}

/** The best parameters and tokens of each budget, and the power laws through them. */
function growthCurves(name: string, laws: ScalingLaws, colors: readonly string[]): Curve[] {
  return (["parameters", "tokens"] as const).flatMap((quantity, i): Curve[] => {
    const law = laws[quantity];
    if (law === null) return [];
    const found = laws.optima.flatMap(({ budget, isInside, [quantity]: value }) =>
      isInside ? [{ x: budget, y: value! }] : []
    );
    const color = colors[i]!;
    return [
      { name: "", color, points: found, mark: "dots" },
      {
        name: `${quantity} (${name}): exponent ${law.exponent.toFixed(2)}`,
        color,
        mark: "dashes",
        points: found.map(({ x }) => ({ x, y: law.factor * x ** law.exponent })),
      },
    ];
  });
}

function colorOf(index: number): string {
  return COLORS[index % (COLORS.length - 1)]!;
}

/** A setting as on the command line. */
function flagOf([name, value]: readonly [string, string | number | boolean]): string {
  return value === true ? `--${name}` : `--${name} ${value}`;
}
