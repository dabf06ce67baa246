/** The words of the lesson's widgets below the first screens, with those above. @module */

import type { GptSpec } from "../engine/gpt_spec.ts";
import type { Opened } from "../engine/inside.ts";
import { words as first } from "./lesson.ts";

/** Options that are called what they are. */
function same<const T extends string>(...names: readonly T[]): Readonly<Record<T, T>> {
  return Object.fromEntries(names.map((name) => [name, name])) as Readonly<Record<T, T>>;
}

/** The words. */
export const words = {
  ...first,
  loss: {
    own: "Your prediction",
    columns: ["Prediction", "Error", "Loss"],
    yours: "yours",
    four: "four predictions",
    plot: "The loss over the prediction: a parabola with its lowest point at the target, 1",
  },
  slope: {
    w: "Weight w",
    graph: "The loss over w: a parabola with its lowest point at 7/3, and its tangent at your w",
    loss: "loss",
    tangent: "tangent",
    point: "your w",
    product: "Prediction w × 3",
    target: "Target",
    lossRow: "Loss",
    gradient: "Gradient dLoss/dw",
    verdict: (gradient: number) =>
      Math.abs(gradient) < 0.05
        ? "You are there"
        : gradient < 0
        ? "→ Increase w to reduce Loss"
        : "→ Decrease w to reduce Loss",
    take: "Take a step downhill",
    what: "Nudge",
    whats: { prediction: "the prediction, 11", w: "the weight w, 3.75", b: "the bias b, 3.5" },
    nudge: "by h",
    nudges: same("0.05", "0.01", "0.001"),
    nudgedRows: {
      prediction: ["Loss at 11 + h", "Change of the loss"],
      w: ["Prediction at w + h", "Change of the prediction"],
      b: ["Prediction at b + h", "Change of the prediction"],
    } as const,
    rate: "Change ÷ h",
  },
  backpropagation: {
    graph: "The graph of (w × x + b − target)²: values forward, gradients backward",
    w: "Weight w",
    b: "Bias b",
    prediction: "① Prediction w × 2 + b",
    loss: "② Loss (prediction − 10)²",
    dPrediction: "③ dLoss/dPrediction",
    dPredictionDw: "dPrediction/dw",
    dw: "dLoss/dw",
    db: "dLoss/db",
    newW: "④ New w",
    newB: "New b",
    take: "Take this step",
    run: "Run until the loss shows 0.00",
    startAt: "Start at",
    start: "w 3.75, b 3.50",
    first: "w 3, b 1",
    taken: (count: number, loss: string) =>
      `${count} ${count === 1 ? "step" : "steps"} taken, loss ${loss}`,
    cheer: ". It has learned!",
    gradient: (x: string) => `grad ${x}`,
    table: "The graph as a table",
    columns: ["Name", "Formula", "Value", "Gradient", "Gradient is"],
    visit: (name: string, isBackward: boolean, chainRule: string) =>
      isBackward ? `Backward: the gradient of ${name} is ${chainRule}` : `Forward: ${name}`,
    whole: "All values and gradients. Forward and Back walk through the graph.",
  },
  loop: {
    rate: "Learning rate",
    step: "Step",
    plot: "The loss over the steps",
    valley: "The loss over w, with b as it is: w walks from step to step",
    walk: "steps so far",
    now: "w now",
    steps: "step",
    loss: "loss",
    phases: [
      "zero: set the gradients to 0, because they accumulate",
      "forward: compute the prediction",
      "loss: compare it with the target",
      "backward: compute the gradients",
      "update: take a step against them",
    ],
    phase: "Next line ▶",
    rows: ["w", "b", "Prediction", "Loss", "dLoss/dw", "dLoss/db"],
    verdict: (first: number, last: number, steps: number) =>
      !(last < first)
        ? "The loss grows: with this learning rate each step overshoots. It diverges."
        : last < 1e-6
        ? `The loss falls below a millionth in ${steps} steps`
        : `The loss fell from ${first.toFixed(2)} to ${last.toPrecision(2)} in ${steps} steps`,
  },
  network: {
    set: "Points",
    sets: {
      clouds: "Two clouds",
      circle: "Circle",
      xor: "XOR, four points",
      spiral: "Spiral",
      own: "Your own",
    },
    layers: "Hidden layers",
    width: "Neurons in each",
    activation: "Activation",
    activations: { tanh: "tanh", relu: "ReLU", sigmoid: "sigmoid" },
    optimizer: "Optimizer",
    optimizers: { adamw: "AdamW", sgd: "SGD" },
    learningRates: same("0.001", "0.005", "0.02", "0.05", "0.2", "1.0"),
    seed: "Random seed",
    steps: "Steps",
    pace: "Speed",
    paces: { watch: "to watch, 8 s", slow: "slow, 30 s", fast: "as fast as it can" },
    device: "Device",
    devices: { auto: "automatic", cpu: "CPU", webgpu: "WebGPU" },
    start: "Start",
    pause: "Pause",
    resume: "Go on",
    one: "A bit more",
    starting: "Starting the engine…",
    map: "The network’s answer at each place of the plane, and the points",
    mapOf:
      "The network’s answer at each place. Point at a neuron to see its answer, or click a line to change its weight.",
    neuron: (layer: number, i: number) =>
      `The answer of neuron ${i + 1} of layer ${layer} at each place`,
    noise: "Noise of the points",
    features: "Inputs: what the network sees of a point",
    featureNames: {
      x: "x",
      y: "y",
      xx: "x²",
      yy: "y²",
      xy: "x × y",
      sinx: "sin 4x",
      siny: "sin 4y",
    },
    input: (name: string) => `Input ${name} at each place`,
    change: "Change a weight",
    changeHelp:
      "The picture shows the network with your weight. Start makes a new one, and trains it.",
    target: "Neuron",
    source: "Its input",
    weight: "Weight",
    hiddenName: (layer: number, i: number) => `layer ${layer}, neuron ${i}`,
    outputName: "the output",
    out: "out",
    graph: (sizes: readonly number[]) =>
      `The network: layers of ${
        sizes.join(", ")
      } neurons; wider lines are larger weights, blue ones ` +
      "are positive, orange ones negative",
    train: "training",
    validation: "test",
    lossRow: "Loss",
    validationRow: "Test loss",
    outputs: "Its answers at the four points",
    output: ["x", "y", "Target", "Output"],
    place:
      "Click or touch the plane to place points of the chosen class; with Shift, of the other one. By keyboard, arrows move the cross, and 0 and 1 place a point.",
    brush: "The class of your next point",
    brushes: ["Orange (0)", "Blue (1)"],
    back: "Take the last point back",
    clear: "Remove all points",
    none: "–",
    accuracy: "Accuracy",
  },
  softmax: {
    letters: same("r", "a", "s"),
    logit: (letter: string) => `Logit of “${letter}”`,
    right: "Right letter",
    probabilities: "The probability of each letter",
    columns: ["Letter", "e to its logit", "Its share of the sum", "Gradient"],
    loss: "Loss",
    verdict: (p: number) =>
      p >= 0.9
        ? "Sure, and right: nearly nothing to learn"
        : p >= 0.5
        ? "Right, but not sure"
        : p >= 0.1
        ? "Wrong: there is much to learn"
        : "Sure, and wrong: that costs most",
  },
  letters: {
    start: "Train it (takes a few seconds)",
    training: "Training…",
    untrained:
      "Not trained yet: all 21 letters are equally likely, and the loss is ln 21 = 3.04. In 60 " +
      "steps it falls to 0.83.",
    numbers: (alphabet: number, parameters: number, examples: number) =>
      `${alphabet} letters, ${parameters} weights, ${examples} examples`,
    columns: ["No.", "Before", "After"],
    empty: "(an empty word)",
    own: "Your letters",
    after: (letters: string) => letters === "" ? "How a name begins" : `What follows “${letters}”`,
    end: "the end",
    unknown: "It has never seen one of these letters. Try letters of dinosaurs’ names.",
  },
  gpt: {
    task: "Text",
    tasks: {
      sort: "Sort letters",
      reverse: "Reverse a word",
      add: "Add numbers",
      parentheses: "Balanced parentheses",
      names: "Names of dinosaurs",
      animals: "Animals and sums",
      stories: "Stories of a small world",
      own: "Your own text",
    },
    own: "Your text, a few thousand letters or more",
    merges: "Merged tokens (BPE)",
    depth: "Layers",
    width: "Width",
    heads: "Heads",
    headCounts: same("1", "2", "4"),
    context: "Context, in tokens",
    optimizers: { muon: "Muon and AdamW", adamw: "AdamW", sgd: "SGD" },
    // Not "1": objects have whole numbers before their other names.
    learningRates: {
      "0.1": "0.1 ×",
      "0.3": "0.3 ×",
      "1.0": "as tuned",
      "3.0": "3 ×",
      "10.0": "10 ×",
    },
    schedule: "Schedule",
    schedules: { trapezoid: "Warmup, plateau, warmdown", cosine: "Cosine", constant: "Constant" },
    preset: "Try:",
    presets: {
      sort: "Sorting letters",
      quick: "A quick one",
      merges: "Reversing, with BPE",
      deep: "Adding, deep",
      sgd: "With SGD",
      stories: "Stories",
    },
    one: "One step",
    load: "Load a checkpoint",
    restored: "This run was kept in your browser. Go on, or start another one.",
    allSettings: "All settings",
    writes: "What it writes now",
    nothingYet: "The first samples come after 50 steps.",
    after: (step: number) => `after step ${step}`,
    right: "right",
    wrong: "wrong",
    plot:
      "The loss over the steps, in nats per token: smoothed, of each step, and on the validation text",
    smooth: "smoothed",
    loss: "each step",
    validation: "validation",
    run: ({ task, depth, width, optimizer, rate, seed }: GptSpec) =>
      `${task}, ${depth} × ${width}, ${optimizer} × ${rate}, seed ${seed}`,
    runs: "Runs to compare",
    runColumns: ["Run", "Steps", "Training, bits per byte", "Validation"],
    about: (parameters: number, vocabulary: number, bytes: number) =>
      `${parameters.toLocaleString("en")} parameters, ${vocabulary} tokens, ${
        bytes.toFixed(2)
      } bytes per token`,
    merged: (merges: number) =>
      merges === 0
        ? "The text in tokens: one for each byte"
        : `The text in tokens, and the ${merges} merges in the order learned`,
    lossRow: "Loss, smoothed, in nats per token",
    bitsRow: "Training, bits per byte",
    validationRow: "Validation, bits per byte",
    accuracyRow: "Right answers to 20 new questions",
    gradientsTitle: "How large the gradients are",
    gradients: (layer: number) => `Gradient norms of layer ${layer}`,
    gradientsPlot: (layer: number) =>
      `The gradient norms of attention and MLP of layer ${layer}, over the steps`,
    gradientLayer: "Layer",
    gradientNorm: "gradient norm",
    gradientColumns: ["Matrix", "Gradient norm"],
    attention: "attention",
    mlp: "MLP",
    matrices: {
      "attn.c_q": "Queries",
      "attn.c_k": "Keys",
      "attn.c_v": "Values",
      "attn.c_proj": "Output of attention",
      "attn.ve_gate": "Gate of value embeddings",
      "mlp.c_fc": "MLP, first",
      "mlp.c_proj": "MLP, second",
    },
    stale: "Your browser kept a run of an earlier version of this page. Start another one.",
    samples: "All that it wrote",
    columns: ["Step", "Sample"],
    savePage: "Save as a page",
    savePageHelp: "One file that holds your GPT. Send it to a friend: it opens in any browser.",
    origin: (step: number, steps: number) => `step ${step} of ${steps}, trained in a page`,
    keep: (name: string) => `Download ${name}`,
    kept:
      "For the terminal: put meta, model and tokenizer into one folder in base_checkpoints, and deno " +
      "task sample continues a text. With optim, too, training goes on from here.",
  },
  sense: {
    teller: "Who tells",
    tellers: {
      model: "The model",
      blind: "The model without attention",
      counts: "Counts of words (4-gram)",
      rules: "The rules of the world",
    },
    tell: "Tell a story",
    count: (stories: number) => `Count over ${stories} stories of each`,
    counting: (teller: string, story: number, stories: number) =>
      `${teller}: story ${story} of ${stories}`,
    noModel: "This page came without a model. Train one on stories in “A GPT of your own” first.",
    train: "Train your own GPT",
    verdict: (
      [right, all]: readonly [number, number],
      [rightAnswers, answers]: readonly [number, number],
      isFaultless: boolean,
    ) =>
      `${right} of ${all} sentences make sense` +
      (answers === 0 ? "" : `, and ${rightAnswers} of ${answers} answers are right`) +
      (isFaultless ? ". Not one mistake!" : ""),
    fault: (sentence: string, faults: readonly string[]) => `“${sentence}”: ${faults.join("; ")}`,
    answer: (question: string, wanted: string | undefined) =>
      wanted === undefined
        ? `“${question}”: the story does not say`
        : `“${question}”: the story says “${wanted}”`,
    more: (count: number) => `and ${count} more`,
    unfinished: "The story has no end, or no beginning, that the world knows.",
    caption: (stories: number) => `Over ${stories} stories of each`,
    columns: [
      "Who tells",
      "Right sentences",
      "Right stories",
      "Not copied",
    ],
  },
  inside: {
    openTrained: "Open the GPT that you trained",
    openSite: "Open this site’s model",
    another: "Another model, and the device",
    openFiles: "Files of a checkpoint",
    openFolder: "Folder of a run",
    drop: "Or drop a folder here, or the files meta, model and tokenizer of one step.",
    about: ({ meta: { modelConfig, state }, parameters }: Opened) => {
      const { nLayer, nHead, nEmbd, vocabSize, sequenceLen } = modelConfig;
      const size = parameters.toLocaleString("en");
      const [layers, heads] = [nLayer === 1 ? "layer" : "layers", nHead === 1 ? "head" : "heads"];
      return `Trained for ${state.step} steps: ${size} parameters, ${nLayer} ${layers} of ${nHead} ` +
        `${heads}, width ${nEmbd}, ${vocabSize} tokens, context ${sequenceLen}`;
    },
    prompt: "The text to look at",
    prompts: {
      sort: "\ngadbe>abdeg",
      reverse: "\ngadbe>ebdag",
      add: "\n27+16=43",
      parentheses: "\n(()(()))",
      names: "\ntyrannosaurus",
      animals: "\nThe cow says moo.",
      stories: "There once was a lonely dragon named Mia.",
      sotu: "The state of our union is strong.",
      wordnet: "puppy (noun): a young dog",
      other: "Once upon a time, there was a cat.",
    },
    tokens: "Tokens, colored by their surprise",
    token: (token: string, id: number, bits: string | null) =>
      `${token}, token ${id}${bits === null ? "" : `, ${bits} bits of surprise`}`,
    flow: {
      title: "The way of this token: from the text to what comes next",
      tokens: "tokens",
      cut: (tokens: number) => `The text so far is ${tokens} tokens:`,
      embedding: "embedding",
      row: (token: string, width: number) => `“${token}” becomes a row of ${width} numbers.`,
      reads: (tokens: readonly string[]) =>
        `Its heads look back, most of all at ${
          [...new Set(tokens)].map((token) => `“${token}”`).join(", ")
        }. Then the MLP adds its part.`,
      guess: (stage: string) => `After ${stage} it would say`,
      output: "probabilities",
      scores: (tokens: number) =>
        `Each of the ${
          tokens.toLocaleString("en")
        } tokens that it knows gets a score. Softmax makes shares of them.`,
      next: "It says",
      write: "Write one token",
      again: "It is drawn by chance and put behind the text. Then all of this happens again.",
    },
    chosen: "Token",
    surprise: "Surprise in bits",
    attention: "Attention: which earlier tokens each token reads",
    attends: "What the chosen token attends to",
    head: (layer: number, head: number) => `Layer ${layer}, head ${head}`,
    pattern: (layer: number, head: number) =>
      `Attention of layer ${layer}, head ${head}: each row is a token that reads, each column a ` +
      "token that is read; blue is 1, white is 0",
    row: (layer: number, head: number, token: string) =>
      `Layer ${layer}, head ${head}: the weights with which ${token} reads`,
    lensTitle: "Logit lens: what the model would say after each layer",
    lens: (next: string | null) =>
      next === null
        ? "The likeliest next tokens, after each layer"
        : `The likeliest next tokens, after each layer; the text goes on with ${next}`,
    stage: "After",
    size: "Size (RMS)",
    next: "The next in the text",
    ranks: ["1st", "2nd", "3rd", "4th", "5th"],
    embedding: "the embedding",
    layer: (layer: number) => `layer ${layer}`,
    output: "the output",
    probabilities: "What comes next, and how it is sampled",
    temperature: "Temperature",
    topK: "Top-k",
    nextOf: (token: string) => `Probabilities of the next token after ${token}`,
    one: "Sample one token",
    many: "Sample 32 tokens",
    undo: "Undo one token",
    gatesTitle: "Smear and value embeddings",
    gates: "How much of both is mixed in, by head",
    smear: "Smear",
  },
};
