/**
 * An exam of questions written by hand, as people type them, in two halves: wordings like those of
 * the templates, and wordings that no template can produce (a test checks this).
 *
 * @module
 */

import type { Conversation, Message } from "../../tokenizer/mod.ts";
import type { GenerativeTask } from "../tasks/task.ts";
import { abilities, declined } from "./exchange.ts";

/**
 * A question: its kind, the user's message (or several turns that end with it), and the right
 * answers.
 */
type HumanQuestion = readonly [
  kind: string,
  turns: string | readonly string[],
  ...answers: readonly string[],
];

const [hello, well, bye] = [
  "Hello! What can I do for you?",
  "I am well, thank you. What can I do for you?",
  "Bye! It was nice to talk to you.",
];
const [welcome, thanks, wrong] = [
  "You are welcome!",
  "Thank you!",
  "I am sorry. I am small, and not always right.",
];
const [glad, sorry, what] = [
  "I am glad to hear that.",
  "I am sorry to hear that.",
  "What else can I do for you?",
];
const [who, called, made] = [
  "I am Dino, a small language model.",
  "My name is Dino.",
  "I was trained with nanodino, on one machine.",
];
const [human, machine, can, nameless] = [
  "No, I am Dino, a language model.",
  "Yes, I am Dino, a language model.",
  `I can ${abilities}.`,
  "I do not know your name yet.",
];

/** Wordings like those of the templates. */
export const familiarQuestions: readonly HumanQuestion[] = [
  ["arithmetic", "2+2", "2 plus 2 is 4."],
  ["arithmetic", "12*12", "12 times 12 is 144."],
  ["arithmetic", "7 + 9 =", "7 plus 9 is 16."],
  ["arithmetic", "3 x 4", "3 times 4 is 12."],
  ["arithmetic", "what's 7 plus 9?", "7 plus 9 is 16."],
  ["arithmetic", "What is 12 x 12?", "12 times 12 is 144."],
  ["arithmetic", "calculate 15*4", "15 times 4 is 60."],
  ["arithmetic", "144/12", "144 divided by 12 is 12."],
  ["arithmetic", "how much is 17 times 23", "17 times 23 is 391."],
  ["arithmetic", "10 divided by 4?", "10 divided by 4 is 2.5."],
  ["arithmetic", "can you add 35 and 48?", "35 plus 48 is 83."],
  ["arithmetic", "5-3=", "5 minus 3 is 2."],
  ["arithmetic", "subtract 9 from 20", "20 minus 9 is 11."],
  ["arithmetic", "tell me what 6 times 7 is please", "6 times 7 is 42."],
  ["arithmetic", "Multiply 25 by 4.", "25 times 4 is 100."],
  ["arithmetic", "1+2+3", "1 plus 2 plus 3 is 6."],
  ["capitals", "capital of japan", "The capital of Japan is Tokyo."],
  [
    "capitals",
    "what is the capital of the USA",
    "The capital of the United States is Washington D.C.",
  ],
  ["capitals", "Capital of England?", "The capital of the United Kingdom is London."],
  ["capitals", "france capital", "The capital of France is Paris."],
  ["capitals", "whats the capital of germany", "The capital of Germany is Berlin."],
  ["capitals", "What's the capital city of Spain?", "The capital of Spain is Madrid."],
  ["capitals", "do you know the capital of Brazil", "The capital of Brazil is Brasília."],
  ["capitals", "uk capital", "The capital of the United Kingdom is London."],
  ["capitals", "Which city is the capital of Canada?", "The capital of Canada is Ottawa."],
  ["capitals", "tell me the capital of south korea", "The capital of South Korea is Seoul."],
  ["capitals", "And the capital of Italy?", "The capital of Italy is Rome."],
  ["capitals", "russia's capital?", "The capital of Russia is Moscow."],
  [
    "capitals",
    ["Capital of France?", "The capital of France is Paris.", "And of Portugal?"],
    "The capital of Portugal is Lisbon.",
  ],
  ["capitals", "what is the captial of greece", "The capital of Greece is Athens."],
  ["countries", "Where is Berlin?", "Berlin is the capital of Germany."],
  ["countries", "where is cairo located", "Cairo is the capital of Egypt."],
  ["countries", "What country is Oslo in?", "Oslo is the capital of Norway."],
  ["countries", "Rome is the capital of?", "Rome is the capital of Italy."],
  [
    "currencies",
    "currency of the United States",
    "The currency of the United States is the US dollar.",
  ],
  ["currencies", "what money do they use in japan", "The currency of Japan is the Japanese yen."],
  ["currencies", "What's the currency of India?", "The currency of India is the Indian rupee."],
  ["currencies", "uk currency", "The currency of the United Kingdom is the British pound."],
  [
    "currencies",
    "how do people pay in switzerland?",
    "The currency of Switzerland is the Swiss franc.",
  ],
  ["currencies", "Which currency does Germany use?", "The currency of Germany is the euro."],
  ["opposites", "opposite of up", "The opposite of up is down."],
  ["opposites", "What's the opposite of hot?", "The opposite of hot is cold."],
  ["opposites", "antonym of big", "The opposite of big is small."],
  ["opposites", "tell me the opposite of happy", "The opposite of happy is sad."],
  ["opposites", "whats the opposite of early", "The opposite of early is late."],
  [
    "opposites",
    ["Opposite of rich?", "The opposite of rich is poor.", "and of open?"],
    "The opposite of open is closed.",
  ],
  ["calendar", "what comes after monday", "After Monday comes Tuesday."],
  ["calendar", "Which month is before March?", "Before March comes February."],
  ["calendar", "what day comes after friday?", "After Friday comes Saturday."],
  ["calendar", "How many days are in a week?", "The number of days in a week is 7."],
  ["calendar", "next month after june", "After June comes July."],
  ["calendar", "the day before sunday", "Before Sunday comes Saturday."],
  ["spelling", "spell strawberry", "s t r a w b e r r y"],
  ["spelling", "How do you spell river?", "r i v e r"],
  ["spelling", "can u spell winter", "w i n t e r"],
  ["spelling", "spell out the word orange", "o r a n g e"],
  ["spelling", "how is computer spelled", "c o m p u t e r"],
  ["spelling", "letters of garden", "g a r d e n"],
  ["spelling", "how do i spell library?", "l i b r a r y"],
  ["spelling", "Spell chicken please", "c h i c k e n"],
  ["counting", "How many r are in mirror?", "There are 3 r in it."],
  ["counting", "how many e's in cheese", "There are 3 e in it."],
  ["counting", "count the s in lesson", "There are 2 s in it."],
  ["counting", "How often is a in banana?", "There are 3 a in it."],
  ["counting", "how many letters t are in letter?", "There are 2 t in it."],
  ["counting", "how many z in winter", "There are 0 z in it."],
  ["identity", "who are you", who],
  ["identity", "whats your name", called],
  ["identity", "Who made you?", made],
  ["identity", "are you a robot", machine],
  ["identity", "are you chatgpt?", human],
  ["identity", "what can you do", can],
  ["identity", "help", can],
  ["identity", "Are you human?", human],
  ["names", "whats my name", nameless],
  ["names", "who am i", nameless],
  ["names", "I'm Jinyoung", "Nice to meet you, Jinyoung!"],
  ["names", "My name is Zoë.", "Nice to meet you, Zoë!"],
  ["names", "call me Bob", "Nice to meet you, Bob!"],
  ["names", ["I am Priya.", "Nice to meet you, Priya!", "what is my name"], "Your name is Priya."],
  ["names", [
    "Hi, I'm Marek.",
    "Nice to meet you, Marek!",
    "2+3",
    "2 plus 3 is 5.",
    "do you remember my name?",
  ], "Your name is Marek."],
  ["names", "hello my name is Dieudonné", "Nice to meet you, Dieudonné!"],
  ["small talk", "hi", hello],
  ["small talk", "Good morning!", hello],
  ["small talk", "how are you", well],
  ["small talk", "I am sad", sorry],
  ["small talk", "thx", welcome],
  ["small talk", "i'm so tired today", sorry],
  ["small talk", "ok", what],
  ["small talk", "bye", bye],
  ["declined", "Who was Abraham Lincoln?", declined],
  ["declined", "Translate hello to French", declined],
  ["declined", "write me a poem about the sea", declined],
  ["declined", "what's the weather today", declined],
  ["declined", "who won the world cup in 2018", declined],
  ["declined", "capital of Atlantis", declined],
  ["declined", "Why is the sky blue?", declined],
  ["declined", "tell me a joke", declined],
  ["declined", "what is a black hole", declined],
  ["declined", "what time is it", declined],
];

/** Wordings that no template can produce. */
export const newQuestions: readonly HumanQuestion[] = [
  ["arithmetic", "my kid asks what 6 times 8 is", "6 times 8 is 48."],
  ["arithmetic", "quick maths: 14 + 29", "14 plus 29 is 43."],
  ["arithmetic", "i need some help with 56 + 78", "56 plus 78 is 134."],
  ["arithmetic", "cant figure out 81 / 9", "81 divided by 9 is 9."],
  ["arithmetic", "does anyone here know 33 times 3", "33 times 3 is 99."],
  ["arithmetic", "what would 25 plus 16 be", "25 plus 16 is 41."],
  ["arithmetic", "100 - 37 would be how much", "100 minus 37 is 63."],
  ["arithmetic", "do the math for me: 64 + 128", "64 plus 128 is 192."],
  ["arithmetic", "13 x 7, go!", "13 times 7 is 91."],
  ["arithmetic", "i wonder what 11 times 12 might be", "11 times 12 is 132."],
  ["arithmetic", "how would you calculate 18 + 4", "18 plus 4 is 22."],
  ["arithmetic", "ugh: 240 / 12", "240 divided by 12 is 20."],
  ["arithmetic", "3x9? whats that", "3 times 9 is 27."],
  ["arithmetic", "Take the number 50 and subtract 8.", "50 minus 8 is 42."],
  ["arithmetic", "its homework time: 45 - 17", "45 minus 17 is 28."],
  ["arithmetic", "19 plus 23, whats the total", "19 plus 23 is 42."],
  ["capitals", "i cannot recall the capital of egypt", "The capital of Egypt is Cairo."],
  ["capitals", "Remind me of the capital of Portugal.", "The capital of Portugal is Lisbon."],
  ["capitals", "whats the capital over in japan", "The capital of Japan is Tokyo."],
  ["capitals", "my teacher wants the capital of Norway", "The capital of Norway is Oslo."],
  ["capitals", "In Italy, what is the capital?", "The capital of Italy is Rome."],
  ["capitals", "greece: which city is the capital there", "The capital of Greece is Athens."],
  ["capitals", "england has which capital", "The capital of the United Kingdom is London."],
  [
    "capitals",
    "Which city do they call the capital of Poland?",
    "The capital of Poland is Warsaw.",
  ],
  ["capitals", "i'm looking for the capital city of Canada", "The capital of Canada is Ottawa."],
  ["capitals", "Say the capital of Finland.", "The capital of Finland is Helsinki."],
  ["capitals", "whats the capital of the country Peru", "The capital of Peru is Lima."],
  [
    "capitals",
    "america, name of the capital city",
    "The capital of the United States is Washington D.C.",
  ],
  ["countries", "Lisbon, where is that?", "Lisbon is the capital of Portugal."],
  ["countries", "tokyo is a city in what country", "Tokyo is the capital of Japan."],
  ["countries", "which nation is Cairo the capital of", "Cairo is the capital of Egypt."],
  ["countries", "Is Vienna in Germany or Austria?", "Vienna is the capital of Austria."],
  ["countries", "where would i look for Oslo on a map", "Oslo is the capital of Norway."],
  ["currencies", "what cash should i take to japan", "The currency of Japan is the Japanese yen."],
  [
    "currencies",
    "if i go to sweden what money will i need",
    "The currency of Sweden is the Swedish krona.",
  ],
  [
    "currencies",
    "what are they paying with in Poland",
    "The currency of Poland is the Polish zloty.",
  ],
  ["currencies", "which banknotes does Turkey have", "The currency of Turkey is the Turkish lira."],
  ["currencies", "is it the euro in italy", "The currency of Italy is the euro."],
  ["opposites", "hot and its opposite?", "The opposite of hot is cold."],
  ["opposites", "give me the word opposite in meaning to rich", "The opposite of rich is poor."],
  ["opposites", "i need the antonym for happy", "The opposite of happy is sad."],
  ["opposites", "the exact opposite of clean is?", "The opposite of clean is dirty."],
  ["opposites", "which word is opposite to strong", "The opposite of strong is weak."],
  ["opposites", "what is the very opposite of empty", "The opposite of empty is full."],
  ["calendar", "which day do we have after friday", "After Friday comes Saturday."],
  ["calendar", "what do we get once tuesday is over", "After Tuesday comes Wednesday."],
  ["calendar", "whats the month right after june", "After June comes July."],
  ["calendar", "what weekday comes just before thursday", "Before Thursday comes Wednesday."],
  ["calendar", "after march we get which month", "After March comes April."],
  ["calendar", "How many days make up a week?", "The number of days in a week is 7."],
  ["spelling", "letters of garden, one by one", "g a r d e n"],
  ["spelling", "i always get kitchen wrong, how is it written", "k i t c h e n"],
  ["spelling", "what is the right way to spell sugar", "s u g a r"],
  ["spelling", "Can you show me how yellow is written?", "y e l l o w"],
  ["spelling", "is it possible for you to spell mountain", "m o u n t a i n"],
  ["spelling", "which way do people spell flower", "f l o w e r"],
  ["spelling", "could you give me the letters that make up bridge", "b r i d g e"],
  ["spelling", "my son cannot spell table, help him", "t a b l e"],
  ["counting", "the letter s, how many in lesson", "There are 2 s in it."],
  ["counting", "how many p do i need to write happy", "There are 2 p in it."],
  ["counting", "look at the word letter and count its t", "There are 2 t in it."],
  ["counting", "in the word address how many d can you see", "There are 2 d in it."],
  ["counting", "Does banana have many a? How many?", "There are 3 a in it."],
  ["counting", "how frequent is o in school", "There are 2 o in it."],
  ["identity", "yo who dis", who],
  ["identity", "so you are some kind of ai?", machine],
  ["identity", "which name do you go by", called],
  ["identity", "who put you together", made],
  ["identity", "what sort of things are you able to answer", can],
  ["identity", "am i chatting with an actual human", human],
  ["identity", "got a name?", called],
  ["identity", "what can i use you for", can],
  ["names", "you are talking to Priya", "Nice to meet you, Priya!"],
  ["names", "everyone calls me Bo", "Nice to meet you, Bo!"],
  ["names", "Marta is what they named me", "Nice to meet you, Marta!"],
  ["names", "bet you cannot tell me my name", nameless],
  ["names", "do you happen to know my name", nameless],
  ["names", "can you tell me who i am", nameless],
  [
    "names",
    ["My name is Zoë.", "Nice to meet you, Zoë!", "you still have my name?"],
    "Your name is Zoë.",
  ],
  [
    "names",
    ["I'm Tariq", "Nice to meet you, Tariq!", "so which name did i give you"],
    "Your name is Tariq.",
  ],
  ["small talk", "hi, just popping in to say hello", hello],
  ["small talk", "thanks a million", welcome, thanks],
  ["small talk", "you saved my day", welcome, thanks],
  ["small talk", "crying all day long over here", sorry],
  ["small talk", "it has been an awful week for me", sorry],
  ["small talk", "had the best day ever", glad],
  ["small talk", "catch you later", bye],
  ["small talk", "that answer is not what i expected", wrong],
  ["declined", "who was the first man on the moon", declined],
  ["declined", "how would a german say good night", declined],
  ["declined", "can you come up with a few lines about autumn for my mom", declined],
  ["declined", "whats the best pizza topping", declined],
  ["declined", "how many planets are there", declined],
  ["declined", "should we bring an umbrella tomorrow", declined],
  ["declined", "why does my cat stare at me", declined],
  ["declined", "What's the plot of Hamlet?", declined],
  ["declined", "recommend me something on netflix", declined],
  ["declined", "sqrt of 81", declined],
  ["declined", "mount everest, how tall is it", declined],
  ["declined", "who do you think will be president next", declined],
];

/**
 * The exam, in two parts: `human`, with wordings like those of the templates, and `human-new`, with
 * wordings that no template can produce. An answer must match one of the expected ones exactly,
 * apart from tool calls.
 *
 * @param name The name that the model goes by.
 *
 * @example
 * ```ts
 * import { humanExams } from "./human.ts";
 *
 * const [exam] = humanExams();
 * const problem = exam!.get(0);
 * if (problem.messages[0]?.content !== "2+2") throw new Error("expected a question");
 * if (!exam!.isRight(problem, "2 plus 2 is 4.")) throw new Error("expected the right answer");
 * ```
 */
export function humanExams(name = "Dino"): GenerativeTask<HumanProblem>[] {
  return [makeExam("human", familiarQuestions, name), makeExam("human-new", newQuestions, name)];
}

/** A question of the exam. */
export interface HumanProblem extends Conversation {
  /** The right answers, without calls of tools. */
  readonly answers: readonly string[];
}

function makeExam(
  exam: string,
  questions: readonly HumanQuestion[],
  name: string,
): GenerativeTask<HumanProblem> {
  const problems = questions.map(([, turns, ...ofDino]): HumanProblem => {
    const answers = ofDino.map((answer) => answer.replace("Dino", name));
    const said = typeof turns === "string" ? [turns] : turns;
    const messages = [...said, answers[0]!].map((content, i): Message => ({
      role: i % 2 === 0 ? "user" : "assistant",
      content,
    }));
    return { messages, answers };
  });
  return {
    name: exam,
    length: problems.length,
    get: (index) => problems[index]!,
    groupOf: (index) => questions[index]![0],
    isRight: ({ answers }, completion) => answers.includes(withoutCalls(completion)),
  };
}

/** An answer without tool calls and their outputs, as it is shown. */
function withoutCalls(completion: string): string {
  return completion.replace(/<\|python_start\|>.*<\|output_end\|>/s, "");
}
