import { assert, assertLess } from "@std/assert";
import { cpuTest } from "../../testing/every_device.ts";
import { gpuTest } from "../../testing/gpu.ts";
import { type Device, Tensor } from "../mod.ts";
import { type Round, type Rule, rules, type Table } from "./testing/pytorch_rules.ts";

const [ROWS, COLUMNS, LEAVES, MAX_OPERATIONS] = [2, 3, 3, 6];

const EXTREMES = [
  ...[0, -0, 1e-30, -1e-30, 1, -1, 2.5, -0.75, 88.5, -88.5, 100, -100, 1e30, -1e30, 3e38, -3e38],
  ...[Infinity, -Infinity, NaN],
];
const MODERATE = [0.25, -0.5, 1.5, -2, 3, 0.1];

/** An operation on earlier values, by their indices: first the leaves, and then the results. */
interface Step {
  readonly name: string;
  readonly inputs: readonly number[];
}

interface Expression {
  readonly leaves: readonly Table[];
  readonly steps: readonly Step[];
}

/** A linear congruential generator: Knuth's MMIX constants, in 32 bits. */
function generator(seed: number): (below: number) => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** The expression of a seed. Its last value depends on a leaf in one way or more. */
function expressionOf(seed: number): Expression {
  const below = generator(seed);
  const pick = <Item>(items: readonly Item[]) => items[below(items.length)]!;
  const leaf = (): Table => ({
    rows: ROWS,
    columns: COLUMNS,
    data: Array.from(
      { length: ROWS * COLUMNS },
      () => Math.fround(pick(below(3) === 0 ? EXTREMES : MODERATE)),
    ),
  });
  const leaves = Array.from({ length: LEAVES }, leaf);
  const steps: Step[] = [];
  const count = 1 + below(MAX_OPERATIONS);
  while (steps.length < count) {
    const name = pick(Object.keys(rules));
    const values = LEAVES + steps.length;
    // Mostly of the last result, so that expressions are deep.
    const last = steps.length > 0 ? values - 1 : below(values);
    const inputs = [last, ...rules[name]!.inputs === 2 ? [below(values)] : []];
    steps.push({ name, inputs });
  }
  return { leaves, steps };
}

/** The last value, and the gradients of its sum with respect to the leaves, by PyTorch's rules. */
function byRules({ leaves, steps }: Expression, round: Round): readonly Table[] {
  const values = [...leaves];
  const backwards: ReturnType<Rule["pytorch"]>[1][] = [];
  for (const { name, inputs } of steps) {
    const [value, backward] = rules[name]!.pytorch(inputs.map((i) => values[i]!), round);
    values.push(value);
    backwards.push(backward);
  }
  const filled = (like: Table, value: number): Table => ({
    ...like,
    data: like.data.map(() => value),
  });
  const gradients: (Table | null)[] = values.map(() => null);
  gradients[values.length - 1] = filled(values.at(-1)!, 1);
  for (const [i, { inputs }] of [...steps.entries()].toReversed()) {
    const upstream = gradients[LEAVES + i]!;
    if (upstream === null) continue;
    for (const [j, gradient] of backwards[i]!(upstream).entries()) {
      const to = inputs[j]!;
      const sum = gradients[to];
      gradients[to] = !sum ? gradient : {
        ...gradient,
        data: gradient.data.map((value, k) => round(value + sum.data[k]!)),
      };
    }
  }
  return [values.at(-1)!, ...leaves.map((leaf, i) => gradients[i] ?? filled(leaf, 0))];
}

async function byDevice(device: Device, expression: Expression): Promise<readonly Table[]> {
  using _scope = device.scope();
  const { leaves, steps } = expression;
  const inputs = leaves.map(({ rows, columns, data }) =>
    Tensor.from(device, [...data], { shape: [rows, columns], requiresGrad: true })
  );
  const values = [...inputs];
  for (const step of steps) {
    values.push(rules[step.name]!.ours(...step.inputs.map((i) => values[i]!)));
  }
  const result = values.at(-1)!;
  result.backward(Tensor.ones(device, result.shape));
  const data = await Promise.all([
    result.data(),
    ...inputs.map((input) => input.grad?.data() ?? new Float32Array(ROWS * COLUMNS)),
  ]);
  const [rows, columns] = result.shape as [number, number];
  for (const input of inputs) {
    input.zeroGrad();
    input.dispose();
  }
  return data.map((data, i) => ({
    ...(i === 0 ? { rows, columns } : leaves[0]!),
    data: [...data],
  }));
}

/** Kernels may flush subnormal numbers to 0. */
const SMALLEST_NORMAL = 2 ** -126;

const roundings: readonly Round[] = [
  Math.fround,
  (value) => value,
  (value) => Math.abs(value) < SMALLEST_NORMAL ? 0 : Math.fround(value),
];

function isClose(a: number, b: number, tolerance: number): boolean {
  if (Object.is(a, b) || a === b) return true;
  return Math.abs(a - b) <= tolerance * Math.max(Math.abs(a), Math.abs(b)) + SMALLEST_NORMAL;
}

/**
 * Compares expressions with PyTorch's rules, computed in single precision, in double, and without
 * subnormal numbers. Where these differ, rounding decides, and nothing is compared.
 *
 * @returns The share of numbers that were compared.
 */
async function compare(device: Device, seeds: number): Promise<number> {
  let [compared, all] = [0, 0];
  const wrong: string[] = [];
  for (let seed = 0; seed < seeds; seed++) {
    const expression = expressionOf(seed);
    const references = roundings.map((round) => byRules(expression, round));
    const ours = await byDevice(device, expression);
    ours.forEach(({ data }, part) =>
      data.forEach((got, i) => {
        all++;
        const [wanted, ...others] = references.map((tables) => tables[part]!.data[i]!);
        if (!others.every((other) => isClose(wanted!, other, 1e-4))) return;
        compared++;
        if (isClose(got, wanted!, 1e-3)) return;
        const what = part === 0 ? "value" : `gradient of leaf ${part - 1}`;
        const steps = expression.steps.map(({ name, inputs }) => `${name}(${inputs})`).join(" ");
        wrong.push(`seed ${seed}, ${what}, ${i}: wanted ${wanted}, got ${got}; ${steps}`);
      })
    );
  }
  assert(wrong.length === 0, `${wrong.length} differ\n${wrong.slice(0, 20).join("\n")}`);

  return compared / all;
}

cpuTest("400 expressions of extreme numbers follow PyTorch's rules (cpu)", async (device) => {
  assertLess(0.95, await compare(device, 400));
});

gpuTest("100 expressions of extreme numbers follow PyTorch's rules (webgpu)", async (device) => {
  assertLess(0.95, await compare(device, 100));
});
