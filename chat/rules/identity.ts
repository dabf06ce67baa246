/** Questions about the model itself: who it is, who made it, and what it can do. @module */

import type { PythonRandom } from "../random/python_random.ts";
import { abilities, type Exchange, type Subject } from "./exchange.ts";
import { firstNames } from "./facts.ts";
import { inventedName } from "./user_name.ts";
import { draft, type Wordings, wordings } from "./wording.ts";

/** The wordings of this module. */
export const aboutModel = {
  who: wordings(
    "?",
    "(who|what) are you",
    "(tell me|say|explain) who you are",
    "(please introduce yourself|introduce yourself|tell me about yourself|describe yourself)",
    "(who|what) (am i talking to|is this|are you exactly)",
    "(what kind of (ai|bot|model|program|thing) are you|what are you exactly|who is {model}|what is {model})",
    "(who|what) (are you|is this)( exactly| anyway| really| then|)",
    "(are you (very |really |)(smart|clever|intelligent|good|big)|how (smart|clever|intelligent|good|large) are you)",
    "(i am|i'm) curious who you are",
    "(can you|could you|please) (introduce|present|describe) yourself",
    "(who|whom|what) (am i|are we) (talking|speaking|writing) (to|with)",
    "(what's|what is) this( thing| bot| program| app| chat| here|)",
    "(i don't know|i want to know|i'd like to know|i forgot) who you are",
    "(who's|who is) (this|there|that|speaking|talking|answering|writing)( please|)",
    "tell me (a bit|something|more|a little) about (yourself|you)",
    "what are you (then|supposed to be|anyway|really)",
    "(hey|hi|yo|so|ok)(,|) (who|what) (are you|is this)( again| please|)",
    "(i wonder|tell me|i'd like to hear|explain to me) (who|what) you (are|might be)",
    "(who|what) do i have (here|the honor to talk to|in front of me)",
  ),
  modelName: wordings(
    "?",
    "(what is|what's) your (name|full name|first name)",
    "(what are you called|tell me your name|your name|do you have a name|say your name|name please)",
    "(what|how) (should|can|do|shall) i call you",
    "what do (people|they) call you",
    "may i (know|ask) your name",
    "(what|which) name (do you have|did they give you|were you given|is yours)",
    "(how|what) (are|were) you (named|called)( by people|)",
    "(is there|do you have) (a name i can use|a name for you|any name|your own name)",
    "(tell me|i want to know|i'd like to know|i forgot|say) (what you are called|your name|how you are called)",
    "who (should|do|can) i (thank|address|say hello to)",
    "(your name is|and you are called|your name|ur name)( what|)",
    "do you (go by|have|use) (a|some|any) name( too|)",
    "(have|got|did they give you|do you possess) (any|some|your own) name",
    "(do|did) you (get|receive|ever get) (a|your own) name",
    "(by|under) (what|which) name (are you known|do people know you|do you go)",
    "(what's|what is) the name (of this bot|they gave you|you have|i should use)",
  ),
  maker: wordings(
    "?",
    "who (made|trained|built|created|programmed|wrote|designed|developed|invented|owns) you",
    "(where do you come from|where are you from|how were you (made|trained|built|created))",
    "(who is|who's) your (maker|creator|author|developer|boss|owner|father|mother)",
    "(what|which) (company|program|software|data) (made|trained|built) you",
    "(what were you trained (with|on|by)|who are your (makers|developers|creators|parents))",
    "(who|which person|which people|what people) (is|are|stands) behind you",
    "(who|what) (brought you|gave birth to you|gave you life|brought you to life|got you started)",
    "(how|where) were you (born|made|created|trained|built|developed|programmed)",
    "(how did (they|people|someone) (make|train|build) you|(how|where) did you (learn|learn this|come from))",
    "who (do you belong to|coded you|came up with you|is responsible for you|taught you|did you learn from|set you up|runs you)",
    "were you (made|built|trained|created) by (google|openai|a company|students|people|meta|someone|a human)",
    "(what|which) (machine|computer|hardware|library|language|tool) (were you made with|were you trained on|do you run on|made you|trained you)",
    "(your|ur) (maker|creator|developer|origin|author|inventor)",
    "(who|what team|which lab|which group) (made|wrote|trained|built) (you|this|this bot|this program)",
    "(tell me|i want to know|i wonder|do you know) (who|what) (made|trained|built|created) you",
  ),
  ability: wordings(
    "?",
    "(help|what can you do)",
    "what (can|do) you (do|know)( for me|)",
    "(what|which) (things|questions|tasks|problems) (are you|would you be) able to (do|solve|answer|handle|understand)",
    "what (are you able to do|are you good at|are your skills|else can you do|can i ask( you|)|do you offer)",
    "(help|help me|i need help|can you help me|how can you help( me|)|what now|what should i ask you)",
    "(tell me|show me) what you can (do|say)",
    "(tell me|give me|show me) (a few|some) (examples|ideas|hints)",
    "(how do you work|what are you for|how can i use you|what is your (job|purpose|use|function))",
    "(what (questions|things|kind of things|topics) can (you (answer|do)|i ask)( you|)|give me some examples)",
    "(what|which) (tasks|jobs|subjects|kinds of questions|topics|questions) (can|do) you (do|know|handle|answer|understand)",
    "((how|with what) (can|could|will) you (help|assist|support) me|what (can|could|will) you (help me with|do for me))",
    "(what|what else|what all|what more) (can|could) (you do|i ask|i try)( here| with you|)",
    "i (need|want|could use) (some|your|a little|) (help|assistance)( please|)",
    "(list|show me|name|explain|tell me) (your|all your|the) (abilities|features|commands|functions|options|skills|talents)",
    "(what is|what's|what would be) (a|one) (good|possible) (question|thing to ask|example)",
    "(how does (this|it) work|what does (this|it) do)( exactly|)",
    "(i don't|i do not) know what to (ask|say|type|do)( you|)",
    "(can|could|will|would) you (help|assist|support)( me|)( with something|)",
    "(help|menu|options|commands|features|abilities|instructions|manual|usage|help please|info)",
    "(give me|tell me|show me) ((some|a few) (examples|example questions)|an example)",
    "what are your (strengths|limits|features|talents|abilities)",
    "what do you (know|do|offer|understand)( then|)",
    "(what|which) (kinds|sort|types) of (questions|stuff|tasks|topics) (can|do|could) you (answer|handle|do|help with|know)",
    "what (are you|would you be) (useful|helpful|handy|good) (for|at|with)",
    "(how|for what) (can|could|do|should) (i|we|people) use (you|this|this bot)",
    "what (can|could) (i|we) (do with|try with|learn from|get from) you",
  ),
  isHuman: wordings(
    "?",
    "are you (human|real|alive|a human|a person|a man|a woman|a girl|a boy|male|female|a real person|a human being|a child)",
    "are you (chatgpt|gpt|siri|alexa|google|copilot|a dog|a cat|gemini|claude|gpt-4|a genius|an animal|an alien)",
    "(am i talking to|is this|are you really) a (human|person|real person|real human)",
    "(are you|is your name|are you called|you are) {other}",
    "(do you have a (body|face|soul)|can you (see|hear|feel|smell) me)",
    "(am i|are we) (talking|speaking|writing) (to|with) (a human|a person|a real person|a real human|a human being|somebody real)",
    "is (there|it|that) (a human|a person|a real person|a man|a woman|somebody) (behind this|at the other end|typing|answering)",
    "(you are|you're|you must be|i think you are) (a human|human|a person|a real person|a man|a woman|a human being)( right| then|)",
    "are you (alive|conscious|a living thing|made of flesh|an adult|a child|a boy|male|female|an animal)",
    "(are you|is this) (chatgpt|gpt|gpt-5|siri|alexa|google|copilot|gemini|claude|bard|llama|deepseek|from openai|wikipedia|a search engine)",
    "(do you have|have you got) (feelings|emotions|hands|parents|children|a wife|a husband|a brother|a home|a birthday)",
    "(am i|are we) (chatting|texting|messaging) (with|to) (a|some) (human|person|man|woman|real human)( here|)",
    "is (a human|a person|a man|a woman|somebody) (writing|reading)( this| here|)",
    "(do|can) you (breathe|sleep|eat|bleed|walk|drink|dream|get tired)",
  ),
  isMachine: wordings(
    "?",
    "are you (an ai|a bot|a robot|a machine|a computer|a program|a language model|a chatbot|a model|a computer program)",
    "(am i talking to|is this) (an ai|a bot|a robot|a machine|a computer|a program|a chatbot)",
    "(are you|is your name|are you called|you are|is this) {model}",
    "are you (artificial|not human|only a (program|machine|computer)|just a (bot|robot|machine))",
    "(you are|you're|i think you are|i guess you are) (an ai|(a|just a|only a) (bot|robot|machine|computer|program|chatbot|language model))( right| then|)",
    "is (that|it) (an ai|a bot|a robot|a machine|a computer|a program)( answering| writing| speaking|)",
    "(are we|am i) (talking|writing|speaking) (to|with) (an ai|a bot|a robot|a machine|a computer|a program|a chatbot|a language model)",
    "(are you|is this) (automated|automatic|software|code|artificial intelligence|a neural network|a transformer|an llm|a language model|a large language model|an artificial intelligence|a small model)",
    "(am i|are we) (chatting|texting|messaging) (with|to) (a|some) (bot|robot|machine|program|computer)( here|)",
    "(so|then|ok|and)(,|) (you are|you're|this is|is this) (a kind of|one of those|another|a sort of) (ai|bots|chatbots|robots|machine|chatbot)( right|)",
    "(so|then|ok|oh)(,|) (you are|you're|this is) (some|a|another|only a|one more) (bot|robot|machine|chatbot|program|computer)( right| i guess|)",
  ),
} satisfies Record<string, Wordings>;

/** Questions about the model itself; some call it by a name that is not its own. */
export function identity(random: PythonRandom, { name }: Subject): Exchange {
  const [asked, answer] = random.choice<[Wordings, string]>([
    [aboutModel.who, `I am ${name}, a small language model.`],
    [aboutModel.modelName, `My name is ${name}.`],
    [aboutModel.maker, "I was trained with nanodino, on one machine."],
    [aboutModel.ability, `I can ${abilities}.`],
    [aboutModel.isHuman, `No, I am ${name}, a language model.`],
    [aboutModel.isMachine, `Yes, I am ${name}, a language model.`],
  ]);
  return {
    question: draft(random, asked, { model: name, other: otherName(random, name) }),
    answer,
  };
}

/** A name that the model does not go by. */
function otherName(random: PythonRandom, name: string): string {
  for (;;) {
    const other = random.random() < 0.5 ? random.choice(firstNames) : inventedName(random);
    if (other !== name) return other;
  }
}
