/** The words of the section on reward. @module */

/** The words. */
export const words = {
  steps: "Steps",
  start: "Reward right answers",
  again: "Start over",
  hold: "Pause",
  resume: "Go on",
  one: "One step",
  untrained: "Not started yet. A step asks eight quick sums, eight times each.",
  starting: "Starting…",
  now: (step: number, steps: number, right: number) =>
    `Step ${step} of ${steps}: ${right} % of the answers are right`,
  done: (first: number, last: number) =>
    last > first
      ? `From ${first} % to ${last} % right answers, and nobody showed it a single one!`
      : `From ${first} % to ${last} % right answers. Luck decides at first: start over.`,
  plot: "The share of right answers over the steps, and of answers that ask the calculator",
  share: "share of all answers",
  right: "right answers",
  calls: "ask the calculator",
  look: "Step to look at",
  question: (question: string) => `Eight answers to “${question}”`,
  rightAnswer: "right",
  wrongAnswer: "wrong",
  reward: (reward: number, advantage: string) => `reward ${reward}, advantage ${advantage}`,
  up: "pushed up",
  down: "pushed down",
  byEngine: "written by the engine: not pushed",
  chosen: "Answer to look at",
  pushes: (answer: number) =>
    `How likely the tokens of answer ${answer} are, before this step and after it`,
  together: "All eight answers push at once. So a token that one pushes down may still rise.",
  columns: ["Token", "Before", "After", "Push"],
  pushUp: "↑",
  pushDown: "↓",
  noPush: "–",
  rightRow: "Right answers in this step",
  callsRow: "Answers that ask the calculator",
};
