/** The words of ablation and of comparing checkpoints, in the view into a model. @module */

/** The words. */
export const words = {
  title: "Switch parts off",
  about:
    "A part that is switched off adds nothing. All that this view shows is of the parts that are left.",
  layer: (layer: number) => `Layer ${layer}`,
  head: (head: number) => `Head ${head}`,
  mlp: "MLP",
  all: "All of it",
  allOn: "Switch everything on",
  each: "Switch off each one in turn",
  eachTitle: "Bits per byte without each part: the longer the bar, the more the part is missed",
  part: (layer: number, name: string) =>
    `layer ${layer}, ${name === "mlp" ? "MLP" : `head ${name}`}`,
  nothing: "nothing is off",
  outcome: "With everything on, and with what is off",
  columns: ["Model", "Bits per byte of the text", "It goes on"],
  ended: "It ends here.",
  whole: "Everything on",
  without: "Parts off",
  verdict: (before: number, after: number) =>
    Math.abs(after - before) < 0.02
      ? "Hardly a difference: others do the same work, or this text does not need it."
      : after > before
      ? `It costs ${(after - before).toFixed(2)} bits per byte: the model needs this here.`
      : `The model does better without it on this text, by ${
        (before - after).toFixed(2)
      } bits per byte.`,
  compare: "Compare with another checkpoint",
  sources: {
    trained: "The GPT that you trained",
    read: "The one that has only read",
    taught: "The one that answers",
    rewarded: "The one that was rewarded",
  },
  files: "Files of another checkpoint",
  open: "The open model",
  other: "The other one",
  tokens: (name: string) => `${name}: its tokens, colored by their surprise`,
  compared: "Both on this text",
};
