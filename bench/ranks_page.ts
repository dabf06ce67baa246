/** The section of bench/SCALING.md on training with several ranks. */

import type { RankTimes } from "./parallel_rank.ts";
import {
  NETWORKS,
  predictStep,
  type RankCosts,
  type RankStep,
  SHARED_MEMORY,
  totalOf,
} from "./ranks_model.ts";
import { format, markdownTable } from "./results.ts";

/** Steps of one size, divided among more and more ranks. */
export interface StrongScaling {
  /** The model, and what each rank computes on. */
  readonly name: string;
  readonly costs: RankCosts;
  /** Tokens of a step on all ranks together. */
  readonly tokens: number;
  /** Tokens of a row: a rank computes one at least. */
  readonly rowTokens: number;
}

/** Steps on ranks of one thread on this machine. */
export interface MeasuredRanks {
  readonly name: string;
  readonly cores: number;
  readonly tokens: number;
  readonly loads: readonly number[];
  /** Medians for 1, 2, 3, … ranks. */
  readonly times: readonly RankTimes[];
  /** The cost model, from the times of one rank. */
  readonly costs: RankCosts;
}

export interface RanksFacts {
  readonly date: string;
  readonly machine: string;
  readonly scalings: readonly StrongScaling[];
  /** `null` without an MPI. */
  readonly measured: MeasuredRanks | null;
}

const RANKS = [4, 16, 64, 256];

const START = "<!-- ranks: start -->";
const END = "<!-- ranks: end -->";

export function ranksSection({ date, machine, scalings, measured }: RanksFacts): string {
  return `${START}

## Training on several ranks

Written by \`deno task scaling --ranks\` on ${date} on ${machine}. A step on N ranks is

seconds = tokens / N × time of a token + optimizer × largest share of a rank + 2 ⌈log₂ N⌉ × latency + 2 (N − 1) / N × bytes of the gradients / bandwidth + (N − 1) / N × bytes of the gradients / 5 GB/s

The time of a token and of the optimizer are those of the model above, with a BLAS. The largest share of a rank follows from the owners of the parameters, as \`optim/sharded.ts\` chooses them: at many ranks it is the largest matrix. The last term is the sum of gradients by one thread. Assumptions: ${
    NETWORKS.map(({ name, latency, bandwidth }) =>
      `${name} has a latency of ${format(1e6 * latency)} µs and ${format(bandwidth / 1e9)} GB/s`
    ).join("; ")
  }; all ranks are equally fast, nobody waits, and nothing overlaps. None of this was measured on a network.

Efficiency: tokens per second and rank, relative to one rank. A dash marks where ranks would have less than one row.

${
    markdownTable(
      ["model", "tokens of a step", "network", ...RANKS.map((ranks) => `${ranks} ranks`)],
      scalings.flatMap((scaling) =>
        NETWORKS.map((network) => [
          scaling.name,
          scaling.tokens.toLocaleString("en-US"),
          network.name,
          ...RANKS.map((ranks) => efficiency(scaling, ranks, network)),
        ])
      ),
    )
  }

Depth 20 is left out: parameters and gradients alone take 7 GiB, and the CPU device has 4 GiB of memory. Depth 12 needs 4.4 GiB on one rank, so that its one rank is hypothetical; the optimizer's state is shared by the ranks.
${measured === null ? "" : `\n${measuredPart(measured)}\n`}
${END}`;
}

function efficiency(
  { costs, tokens, rowTokens }: StrongScaling,
  ranks: number,
  network: (typeof NETWORKS)[number],
): string {
  if (tokens / ranks < rowTokens) return "–";
  const seconds = (ranks: number) => totalOf(predictStep(costs, { ranks, tokens, network }));
  return (seconds(1) / (ranks * seconds(ranks))).toFixed(2);
}

/** Ranks on this machine, compared with the model's predictions. */
function measuredPart({ name, cores, tokens, loads, times, costs }: MeasuredRanks): string {
  const rows = times.map((time, i) => {
    const ranks = i + 1;
    // More ranks than cores take turns.
    const turns = Math.max(1, ranks / cores);
    const predicted = predictStep(costs, { ranks, tokens, network: SHARED_MEMORY });
    const cell = (part: keyof RankStep) =>
      `${format(time[part])} (${format(1000 * turns * predicted[part])})`;
    const step = 1000 * turns * totalOf(predicted);
    return [
      `${ranks}`,
      cell("passes"),
      cell("exchange"),
      cell("optimizer"),
      format(time.wait),
      `${format(time.step)} (${format(step)})`,
      `${(100 * (step / time.step - 1)).toFixed(0)} %`,
    ];
  });
  return `Measured on ${cores} cores with ${name}: \`base\`, ${
    tokens.toLocaleString("en-US")
  } tokens a step, ranks of one thread. Milliseconds, measured (predicted from one rank). Ranks on one machine exchange through its memory, assumed at ${
    format(SHARED_MEMORY.bandwidth / 1e9)
  } GB/s, without the copies to and from buckets. More ranks than cores are predicted to take turns; in truth a rank that waits spins, on the core that another one needs. Load of the machine before each round: ${
    loads.map((load) => load.toFixed(1)).join(", ")
  }; it counts the ranks of earlier rounds, and is 0 on a quiet machine. Beside other work all times are too long, and those of the exchange most.

${
    markdownTable(
      ["ranks", "passes", "exchange", "optimizer", "waiting", "step", "error"],
      rows,
    )
  }`;
}

/** A page with this section instead of its own, or after its end. */
export function withRanksSection(page: string, section: string): string {
  const [start, end] = [page.indexOf(START), page.indexOf(END)];
  if (start === -1 || end === -1) return `${page.trimEnd()}\n\n${section}\n`;
  return page.slice(0, start) + section + page.slice(end + END.length);
}
