/** The words of the section on a tool. @module */

/** The words. */
export const words = {
  a: "First number",
  b: "Second number",
  hasTool: "The calculator",
  tools: { on: "answers", off: "is switched off" },
  ask: "Ask",
  question: (question: string) => `You ask: “${question}”`,
  tokens: "The answer, token by token",
  byModel: "the model writes",
  byEngine: "the engine writes",
  token: (text: string, isSampled: boolean) =>
    `${text}, ${isSampled ? "by the model" : "by the engine"}`,
  steps: {
    before: "The model has read the question. What will it write first? Guess, then press Forward.",
    text: (token: string) => `The model writes “${token}”.`,
    callStart:
      "The model writes the token that begins a call. The engine now listens to what it asks for.",
    inCall: (token: string) => `Inside the call, the model writes “${token}”.`,
    callEnd: (call: string, answer: string | null) =>
      answer === null
        ? `The call is complete: ${call}. Nobody answers it.`
        : `The call is complete. The engine computes ${call} = ${answer}, and the model has to wait.`,
    outputStart: "The engine writes the token that begins an output. The model did not choose it.",
    output: (token: string) => `The engine writes “${token}” into the text of the model.`,
    outputEnd:
      "The engine ends the output. From here on the model writes again, and reads all of it.",
    end: (isRight: boolean) =>
      isRight
        ? "The model ends its answer. It is right, and the model cannot even add!"
        : "The model ends its answer, and it is wrong.",
    cut: "The answer was too long, and was cut off.",
  },
  step: (step: number, steps: number) => `Step ${step} of ${steps}`,
  all: "To the end ▶▶",
  callRow: "The model asks for",
  answerRow: "The engine says",
  sampledRow: "Tokens that the model wrote",
  forcedRow: "Tokens that the engine wrote",
};
