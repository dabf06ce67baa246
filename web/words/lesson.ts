/** The words of the widgets on the first screens of the lesson; those of the others are in `labs.ts`. @module */

/** The words. */
export const words = {
  opening: {
    about: "Watch a small network learn the names of dinosaurs.",
    guess: (letters: string) => `It sees “${letters}”. What comes next?`,
    graph: (letters: string, guesses: readonly string[]) =>
      `The network: a line from each of the letters of “${letters}” to each letter that may follow: ` +
      guesses.join(", "),
    share: (share: number) => `${Math.round(100 * share)} %`,
    unknown: "?",
    writes: "The names that it makes up:",
    before: "It knows nothing yet.",
    start: "Let it learn",
    again: "Once more",
    story: "Tell me a story",
    aboutStory: "A GPT tells this story, here, on your machine. You will train one like it:",
    waking: "It wakes up…",
    nothing: "…",
    at: (step: number, steps: number, loss: string) =>
      step < steps
        ? `step ${step} of ${steps}, loss ${loss}`
        : `${steps} steps, loss ${loss}: it has learned. Section 9 shows how.`,
  },
  dials: {
    a: "Dial a: times",
    b: "Dial b: plus",
    celsius: "°C",
    fahrenheit: "°F",
    plot:
      "Four examples, degrees Celsius to the right and Fahrenheit up, and the line that the dials make",
    line: "°C × a + b",
    examples: "examples",
    learn: "Find the rule",
    formula: "Formula",
    loss: "How wrong it is",
    hint: "The line misses the points. Turn the dials, or let training do it.",
    learning: "Small step after small step…",
    close: "Nearly there!",
    found:
      "It meets all four points: times 1.8, plus 32. That is the rule, and nobody wrote it down!",
  },
  rest: { missing: "The rest of the lesson has not come through.", again: "Try again" },
  actions: { reset: "Reset", next: "Forward ▶", back: "◀ Back" },
  neuron: {
    graph: "The neuron: two inputs, each times its weight, the sum with the bias, and tanh",
    x1: "Input x₁: body weight, kg",
    x2: "Input x₂: height, cm",
    w1: "Weight w₁",
    w2: "Weight w₂",
    bias: "Bias b",
    inputs: ["x₁", "x₂"],
    products: ["x₁ × w₁", "x₂ × w₂"],
    sum: "Sum + bias",
    output: "Output",
    curve: "tanh of the sum: a curve from −1 to 1, and the point where this neuron is",
    point: "this neuron",
    verdict: (y: number): string => {
      const size = Math.abs(y) > 0.9 ? "Strong" : Math.abs(y) > 0.5 ? "Clear" : "Weak";
      return `${size} ${y < 0 ? "negative" : "positive"} signal`;
    },
  },
  layers: {
    graph: "3 inputs, each connected to 4 hidden neurons, each connected to 2 outputs",
    input: (i: number) => `Input ${"x₁x₂x₃".slice(2 * i, 2 * i + 2)}`,
    parameter: "Parameter, by number",
    columns: ["Layer", "Weights", "Biases", "Sum"],
    layer: (i: number) => i === 0 ? "Hidden" : "Output",
    neuron: (column: number, i: number) => `${"xhy"[column]}${"₁₂₃₄"[i]}`,
    together: "Together",
    counts: "How the parameters are counted",
    name: (layer: number, neuron: number, input: number | null) => {
      const [from, to] = layer === 0 ? ["input", "hidden neuron"] : ["hidden neuron", "output"];
      const owner = `${to} ${neuron + 1}`;
      return input === null ? `bias of ${owner}` : `weight of ${owner} for ${from} ${input + 1}`;
    },
  },
  forward: {
    graph: "Two scores, two hidden neurons, one output",
    x1: "Math score x₁",
    x2: "English score x₂",
    inputs: ["x₁", "x₂"],
    neurons: ["h₁", "h₂"],
    scaled: (input: string) => `${input}, normalized`,
    sigmoid: "sigmoid",
    think: "What comes next? Guess, then press Forward.",
    output: "Output = sigmoid",
    verdict: (p: number) =>
      `${(100 * p).toFixed(1)} % probability of Pass: ${p >= 0.5 ? "Pass" : "Fail"}`,
    step: (step: number, steps: number) => `Step ${step} of ${steps}`,
    unknown: "?",
  },
};
