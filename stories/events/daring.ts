/**
 * Events of stories about courage, patience, weather, night and water.
 *
 * @module
 */

import { all, atPlace, type Fault, withArticle, type World } from "../world.ts";
import { events } from "./event.ts";

/** Whether somebody, if a sentence names anybody, is who has a seed. */
function isGardener(world: World, name: string | undefined): Fault {
  return world.hasFact("seed", "there is no seed", { A: name });
}

/** Events that take courage or patience. */
export const daring = events({
  noise: {
    sentences: [
      "Suddenly something went knock, knock, knock.",
      "Then there was a strange scratching.",
      "All at once, somebody groaned.",
      "From a dark corner came a rustling sound.",
      "Something behind them hummed.",
    ],
    needs: (world) => world.isOut(),
    does: (world) => world.note("noise"),
  },
  scare: {
    sentences: [
      "{A} wanted to run away.",
      "{A}'s hair stood on end.",
      "{A} hid behind {B}.",
      '"A monster!" whispered {A}.',
      "{A} forgot to breathe.",
    ],
    needs: (world) => world.hasFact("noise", "there was no noise"),
    does: (world, { A }) => {
      world.note("scared", { A });
      world.mood(A, "afraid");
    },
  },
  encourage: {
    sentences: [
      '"I am right behind you," said {B} to {A}.',
      "{B} took {A} by the hand.",
      '"Let us count to three and look," {B} said to {A}.',
      '"Monsters are ticklish," said {B} to {A}.',
    ],
    needs: (world, { A }) => world.feels(A, "afraid"),
    does: (world, { A, B }) => {
      world.note(`${B} is kind to ${A}`);
      world.answer("Who was afraid?", A);
      world.answer(`Who helped ${A}?`, B);
    },
  },
  lookCloser: {
    sentences: [
      "{A} took one step, and another one, and looked.",
      "Very carefully, {A} lifted a corner and peeked.",
      "{A} closed one eye and looked with the other.",
      "With a trembling hand, {A} held up a light.",
    ],
    needs: (world, { A }) =>
      all(world.hasFact("noise", "there was no noise"), world.feels(A, "afraid")),
    does: (world) => world.note("looked"),
  },
  onlyLittle: {
    sentences: [
      "It was only {little}.",
      "And who sat there? It was {little}.",
      "The monster was {little}.",
      "What had made the noise was {little}.",
    ],
    needs: (world) => world.hasFact("looked", "nobody has looked"),
    does: (world) => world.note("only little"),
  },
  laughAtFear: {
    sentences: [
      "{A} and {B} laughed until their bellies hurt.",
      "{A} said that {he A} had known it all along, and {B} laughed.",
      "{B} laughed first, and then {A} had to laugh, too.",
    ],
    needs: (world, { A }) =>
      all(
        world.hasFact("only little", "nobody knows what it was"),
        world.hasFact("scared", "nobody was afraid", { A }),
      ),
    does: (world, { A }) => world.mood(A, "happy"),
  },
  endBrave: {
    sentences: [
      "{A} learned that most monsters are small when one looks at them.",
      "Since that day, {A} has always looked first and run later.",
      "{A} told the story at home, and with each time the monster grew.",
      "Being afraid is not so bad if {B} is there, thought {A}.",
    ],
    needs: (world, { A }) =>
      all(
        world.hasFact("only little", "nobody knows what it was"),
        world.hasFact("scared", "nobody was afraid", { A }),
      ),
    isEnd: true,
  },
  challenge: {
    sentences: [
      '"I am faster than you," said {B} to {A}.',
      '"Let us race {to P}," said {B} to {A}.',
      "{B} laughed at how slowly {A} walked.",
      '"The last one there is a cabbage!" {B} shouted at {A}.',
    ],
    does: (world, { A, B, P }) => {
      world.note("race", { A, B });
      if (P !== undefined) world.hint = { place: P };
    },
  },
  start: {
    sentences: [
      "On your marks, get set, go! They ran {to P}.",
      "They lined up and ran {to P}.",
      "Somebody dropped a hat, and off they went {to P}.",
    ],
    needs: (world, { P }) =>
      all(
        world.hasFact("race", "there is no race"),
        world.hint === undefined || world.hint.place === P
          ? undefined
          : `it was said to be ${atPlace(world.hint.place)}`,
      ),
    does: (world, { P }) => {
      world.note("running");
      world.place = P;
      for (const person of world.people.values()) person.place = P;
      world.answer("Where did they race?", `to the ${P}`);
    },
  },
  ahead: {
    sentences: [
      "{B} was soon far ahead.",
      "{A} saw nothing of {B} but dust.",
      "After two minutes, {B} could not even hear {A} any more.",
      "{B} ran backward, just to show off before {A}.",
    ],
    needs: (world) => world.hasFact("running", "nobody is running"),
    does: (world, { B }) => world.note("ahead", { B }),
  },
  dawdle: {
    sentences: [
      "{B} had so much time that {he B} stopped {pause}.",
      '"There is no hurry," thought {B} and stopped {pause}.',
      "Halfway there, {B} stopped {pause}.",
    ],
    needs: (world, { B }) => world.hasFact("ahead", "nobody is ahead", { B }),
    does: (world, { B }) => world.note("dawdling", { B }),
  },
  keepOn: {
    sentences: [
      "{A} did not look left or right.",
      "{A} just put one foot before the other.",
      "Step by step, {A} went on.",
      "{A} was out of breath, but did not stop.",
    ],
    needs: (world) => world.hasFact("running", "nobody is running"),
  },
  win: {
    sentences: [
      "When {B} looked up, {A} was already there.",
      "{A} came in first, and {B} could not believe it.",
      "And so {A} beat {B} by the length of a nose.",
      "{A} won, and {B} came second.",
    ],
    needs: (world, { B }) => world.hasFact("dawdling", `nothing has stopped ${B}`, { B }),
    does: (world, { A, B }) => {
      world.facts.delete("running");
      world.note("won", { A, B });
      world.mood(A, "happy");
      world.answer("Who won the race?", A);
      world.answer("Who lost the race?", B);
    },
  },
  congratulate: {
    sentences: [
      '"Well done," puffed {B}.',
      '"That was a good race," {B} had to say.',
      "{B} shook {A}'s hand.",
      '"You won fair and square," said {B}.',
    ],
    needs: (world, { A, B }) => world.hasFact("won", "nobody has won", { A, B }),
  },
  endRace: {
    sentences: [
      "{B} learned that fast is not the same as finished.",
      "{A} got a medal made of cardboard.",
      "Next time, {A} and {B} want to race backward.",
      "Slow and steady, said {A}, and then slept for ten hours.",
    ],
    needs: (world, { A, B }) => world.hasFact("won", "nobody has won", { A, B }),
    isEnd: true,
  },
  concert: {
    sentences: [
      "There was to be a concert {in P}, and {A} was to sing.",
      "Everybody wanted {A} to sing {in P}.",
      "{A} had been asked to sing {in P}, in front of all.",
    ],
    does: (world, { A, P }) => {
      world.go(P, A);
      world.note("concert", { A });
      world.answer(`Where did ${A} sing?`, atPlace(P));
    },
    isAnywhere: true,
  },
  stageFright: {
    sentences: [
      "But {A}'s voice was gone.",
      "But {A}'s legs shook like pudding.",
      "But {A} wanted to hide in a drum.",
      "But when {A} saw all the faces, {he A} forgot every word.",
    ],
    needs: (world, { A }) => world.hasFact("concert", "there is no concert", { A }),
    does: (world, { A }) => {
      world.mood(A, "afraid");
      world.answer("Who was afraid?", A);
    },
  },
  advise: {
    sentences: [
      '"Sing only for me," said {B} to {A}.',
      '"Imagine that they are all turnips," {B} told {A}.',
      '"I will hum along," {B} promised {A}.',
      "{B} sat down in the first row and winked at {A}.",
    ],
    needs: (world, { A }) =>
      all(
        world.hasFact("concert", "there is no concert", { A }),
        world.feels(A, "afraid"),
      ),
    does: (world, { A, B }) => {
      world.person(B).place = world.place;
      world.note(`${B} is kind to ${A}`);
      world.answer(`Who helped ${A}?`, B);
    },
    isAnywhere: true,
  },
  sing: {
    sentences: [
      "So {A} sang a song about {song}.",
      "{A} closed {his A} eyes and sang about {song}.",
      "First softly, then louder, {A} sang a song about {song}.",
    ],
    needs: (world, { A }) => world.hasFact("concert", "there is no concert", { A }),
    does: (world, { A }) => {
      world.note("sung");
      world.mood(A, "happy");
      world.answer("Who sang?", A);
    },
  },
  applaud: {
    sentences: [
      "The people clapped until the roof shook.",
      "Even the dogs were quiet and listened.",
      "Somebody threw flowers, and somebody threw a pretzel.",
      "They wanted to hear it once more, and then once more.",
    ],
    needs: (world) => world.hasFact("sung", "nobody has sung"),
  },
  endSong: {
    sentences: [
      "Today, {A} sings in the bath, on the street and everywhere else.",
      "{A} gave {B} a flower, for half of the song was a friend's.",
      "From then on, {A} was still afraid, but only a little.",
      "And {B} hummed the tune all the way home.",
    ],
    needs: (world, { A }) =>
      all(
        world.hasFact("sung", "nobody has sung"),
        world.hasFact("concert", "there is no concert", { A }),
      ),
    isEnd: true,
  },
  storm: {
    sentences: [
      "On {day}, a storm came up.",
      "It was a {weather} day, but then a storm came up.",
      "In the evening, a storm came up.",
      "That night, it rained cats and frogs.",
      "Then the sky turned black, and it began to hail.",
      "It snowed so hard that the fences disappeared.",
    ],
    does: (world) => world.note("storm"),
  },
  knock: {
    sentences: [
      "{a kind B} named {name B} knocked at {A}'s door.",
      "At {A}'s door stood {a kind B} named {name B}.",
      "{A} looked out and saw {a kind B} named {name B}.",
      "At {A}'s door stood {a kind B} named {name B}, shivering.",
      "There was a knock. Outside stood {name B}, {a kind B}, dripping wet.",
      "{A} looked out of the window and saw {name B}, {a kind B}, under a leaf.",
      "Somebody rang. It was {name B}, {a kind B}, wet to the bone.",
    ],
    needs: (world) => world.hasFact("storm", "there is no storm"),
    does: (world, { A, B }) => {
      world.note("at the door", { A, B });
      world.answer(`Who was ${B}?`, withArticle(world.kindOf(B)));
      world.answer("Who came to the door?", B);
    },
  },
  letIn: {
    sentences: [
      '"Come in quickly," said {A} to {B}.',
      "{A} opened the door and let {B} in.",
      "{A} opened the door wide and pulled {B} in.",
      '"There is room for one more," {A} told {B}.',
      "{A} did not think twice and let {B} in.",
    ],
    needs: (world, { A, B }) => world.hasFact("at the door", "nobody is at the door", { A, B }),
    does: (world, { A, B }) => {
      world.facts.delete("at the door");
      world.note("let in", { A, B });
      world.note(`${A} is kind to ${B}`);
      world.answer(`Who helped ${B}?`, A);
    },
  },
  warmUp: {
    sentences: [
      "{A} gave {B} a {color} blanket and {a F}.",
      "Soon {B} sat by the stove with {a F}.",
      "{A} gave {B} a dry blanket and {a F}.",
      "{B} got a pair of woolen socks and {a F}.",
      "{A} made tea, and with it there was {a F} for {B}.",
    ],
    needs: (world, { A, B }) => world.hasFact("let in", "nobody was let in", { A, B }),
    does: (world, { B, F }) => {
      world.own(F, B);
      world.mood(B, "happy");
      world.answer(`What did ${B} get?`, world.described(F));
    },
  },
  tellStories: {
    sentences: [
      "They told each other {count} stories about {topic}.",
      "They played cards and talked about {topic}.",
      "They told each other stories, and the thunder sounded like applause.",
      "They played cards by candlelight until the rain stopped.",
      "Outside the wind howled, but inside it was cozy.",
      "They listened to the rain and counted the leaks in the roof.",
    ],
    needs: (world) => world.hasFact("let in", "nobody was let in"),
  },
  endStorm: {
    sentences: [
      "When the storm was over, {A} and {B} were friends.",
      "{B} came back to {A} every time it rained.",
      "When the storm was over, {A} had a friend more.",
      "In the morning, the sun shone, and {B} did not want to leave.",
      "{B} came back every time it rained, and sometimes when it did not.",
      "{A} almost hoped for the next storm.",
    ],
    needs: (world, { A, B }) => world.hasFact("let in", "nobody was let in", { A, B }),
    isEnd: true,
  },
  getSeed: {
    sentences: [
      "{A} bought a seed for {count} coins.",
      "A bird dropped a {color} seed on {A}'s head.",
      "{A} bought a single seed for a penny.",
      "A bird dropped a seed on {A}'s head.",
      "In the post, {A} got a seed without a letter.",
      "{A} found a seed in {his A} pocket.",
    ],
    does: (world, { A }) => {
      world.note("seed", { A });
      world.answer(`Who had a seed?`, A);
    },
  },
  plantSeed: {
    sentences: [
      "{A} put the seed into a {color} pot.",
      "{A} planted the seed beside {count} {color} stones.",
      "{A} put the seed into a pot and gave it water.",
      "{A} planted the seed beside the door.",
      "{A} made a hole with one finger and put the seed in.",
      "{A} sang to the seed and covered it with soil.",
    ],
    needs: (world, { A }) => world.hasFact("seed", "there is no seed", { A }),
    does: (world) => world.note("planted"),
  },
  nothingGrows: {
    sentences: [
      "For {count} days, {A} saw nothing but mud.",
      "{A} waited for {count} days. Nothing.",
      "A day passed, and then a week. Nothing.",
      "For a long time, one saw nothing but mud.",
      "Each morning, the soil looked as it had the day before.",
      "Even a worm looked out and shook its head.",
    ],
    needs: (world, { A }) =>
      all(world.hasFact("planted", "nothing is planted"), isGardener(world, A)),
    does: (world) => world.note("nothing grows"),
  },
  doubt: {
    sentences: [
      '"Give up, it is asleep," said {B}.',
      '"You planted a pebble," laughed {B}.',
      '"Give up," said {B}. "It is asleep."',
      '"I think that you planted a pebble," laughed {B}.',
      '"Nothing will come of it," {B} said.',
      "{B} yawned and said that watching paint dry was more fun.",
    ],
    needs: (world, { B }) =>
      all(
        world.hasFact("nothing grows", "nobody has waited yet"),
        isGardener(world, B) === undefined ? `it is ${B}'s own seed` : undefined,
      ),
    does: (world, { B }) => {
      world.note("doubted", { B });
      world.answer("Who laughed at the seed?", B);
    },
  },
  wait: {
    sentences: [
      "{A} smiled and waited for {count} more days.",
      "{A} read the seed a story about {topic}.",
      "{A} fetched more water.",
      '"Some need more time," said {A}.',
      "{A} read the seed a bedtime story.",
    ],
    needs: (world, { A }) =>
      all(world.hasFact("planted", "nothing is planted"), isGardener(world, A)),
  },
  bloom: {
    sentences: [
      "And then on {day}, there was {a G}.",
      "After {count} more days, there stood {a G}.",
      "And then one morning, there was {a G}.",
      "After the first warm rain, {a G} opened its petals.",
      "And what stood there at dawn? It was {a G}.",
      "Then something green came up, and in June it was {a G}.",
    ],
    needs: (world) => world.hasFact("nothing grows", "nobody has waited yet"),
    does: (world, { G }) => {
      world.note("bloom");
      world.answer("What grew from the seed?", world.described(G));
    },
  },
  amazed: {
    sentences: [
      '"I have never seen a finer {G}," said {B}.',
      '"I take it all back," said {B}.',
      "{B} took off {his B} hat to the {G}.",
      "{B} asked whether {A} had another seed.",
    ],
    needs: (world, { A, B }) =>
      all(
        world.hasFact("bloom", "nothing has grown"),
        world.hasFact("doubted", "nobody has doubted", { B }),
        isGardener(world, A),
      ),
  },
  endSeed: {
    sentences: [
      "In autumn, {A} gave {B} {count} new seeds.",
      "{A} and {B} danced around the {G}.",
      "In autumn, {A} gave {B} ten new seeds.",
      "{A} was not surprised at all.",
      "Good things take their time, said {A}.",
      "The {G} is still there, and {A} waters it every day.",
    ],
    needs: (world, { A }) => all(world.hasFact("bloom", "nothing has grown"), isGardener(world, A)),
    isEnd: true,
  },
  awake: {
    sentences: [
      "On {day}, {A} could not sleep.",
      "{A} had counted {count} sheep and could not sleep.",
      "One night, {A} could not sleep.",
      "It was midnight, and {A} lay awake.",
      "{A} had counted all the sheep and was still awake.",
      "The moon was so bright that {A} could not sleep.",
    ],
    does: (world, { A }) => {
      world.note("awake", { A });
      world.answer("Who could not sleep?", A);
    },
  },
  visitAtNight: {
    sentences: [
      "So {A} tapped {count} times on {B}'s window.",
      "{A} whistled softly, and {B} looked out.",
      "{A} crept over to {B} and tapped on the window.",
      "There was still light at {B}'s, so {A} went over.",
      "In {his A} pajamas, {A} walked to {B}'s house.",
    ],
    needs: (world, { A }) => world.hasFact("awake", "nobody is awake", { A }),
    does: (world, { A, B }) => {
      world.note("two awake", { A, B });
      world.answer(`Who did ${A} visit?`, B);
    },
  },
  stars: {
    sentences: [
      "{A} and {B} counted {count} stars.",
      "They looked at the stars and talked about {topic}.",
      "They looked at the stars, and {B} knew all their names.",
      "They lay on the roof and counted {count} shooting stars.",
      "{B} pointed at the stars and told {A} which ones were the plow.",
      "They gave names to {count} stars that had none.",
    ],
    needs: (world) => world.hasFact("two awake", "nobody is out at night"),
  },
  cocoa: {
    sentences: [
      "{B} made {count} cups of cocoa.",
      "{B} played {A} a song about {topic}.",
      "{B} made two cups of cocoa.",
      "{B} fetched a blanket for two.",
      "{B} played a very slow tune.",
      "{B} poured warm milk with honey for {A}.",
    ],
    needs: (world, { A, B }) => world.hasFact("two awake", "nobody is out at night", { A, B }),
    does: (world, { B }) => world.note(`${B} was good`),
  },
  yawn: {
    sentences: [
      "At last, {A} yawned, and then {B} yawned, too.",
      "Soon {A}'s eyes grew smaller and smaller.",
      "{A}'s eyes grew smaller and smaller.",
      "In the middle of a sentence, {A} fell asleep.",
      "Then {A} heard nothing more but {B}'s quiet voice.",
    ],
    needs: (world, { A, B }) => world.hasFact("two awake", "nobody is out at night", { A, B }),
    does: (world) => world.note("yawned"),
  },
  endNight: {
    sentences: [
      "{B} carried {A} home, and {A} dreamed of {topic}.",
      "{B} closed the curtain, and {A} fell asleep.",
      "{B} carried {A} home and closed the curtain.",
      "{A} dreamed of {dream}.",
      "When the sun rose, {A} and {B} were snoring in the same tune.",
      "And if {A} is awake at night today, {he A} knows where to go.",
    ],
    needs: (world, { A, B }) =>
      all(
        world.hasFact("yawned", "nobody is tired yet"),
        world.hasFact("two awake", "nobody is out at night", { A, B }),
      ),
    isEnd: true,
  },
  miss: {
    sentences: [
      "{A} had not seen {B} for a year.",
      "{B} had moved far away, and {A} missed {him B}.",
      "Since {B} had moved {to P}, {A} was often bored.",
      "Between {A} and {B} lay seven hills and a river now.",
    ],
    does: (world, { A, B }) => {
      world.note("far away", { A, B });
      world.answer(`Who missed ${B}?`, A);
    },
  },
  writeLetter: {
    sentences: [
      "{A} wrote a letter, and it got longer and longer.",
      "So {A} wrote a letter with {count} kisses.",
      "{A} wrote a letter and drew a picture on the back.",
      "With {his A} best pen, {A} wrote a letter.",
    ],
    needs: (world, { A, B }) => world.hasFact("far away", "nobody is far away", { A, B }),
    does: (world, { A }) => {
      world.note("letter", { A });
      world.answer("Who wrote a letter?", A);
    },
  },
  sendBy: {
    sentences: [
      "{name C}, {a kind C}, carried it over the hills.",
      "{a kind C} named {name C} put it into a bag and set out.",
      "The mail was brought by {a kind C} called {name C}.",
    ],
    needs: (world) => world.hasFact("letter", "there is no letter"),
    does: (world, { C }) => {
      world.note("sent");
      world.answer("Who carried the letter?", C);
      world.answer(`Who was ${C}?`, withArticle(world.kindOf(C)));
    },
  },
  readLetter: {
    sentences: [
      "{B} read the letter {count} times.",
      "{B} laughed and cried over the letter.",
      "{B} put the letter under {his B} pillow.",
      "{B} read the letter to every sheep that would listen.",
    ],
    needs: (world, { B }) =>
      all(
        world.hasFact("sent", "the letter was not sent"),
        world.hasFact("far away", "nobody is far away", { B }),
      ),
    does: (world, { B }) => {
      world.mood(B, "happy");
      world.note("read");
      world.answer("Who got a letter?", B);
    },
  },
  answerLetter: {
    sentences: [
      "A week later, {B} stood at {A}'s door.",
      "Then {B} packed a suitcase and came to {A}.",
      "Instead of an answer, {B} came {him B}self, and {A} jumped for joy.",
      "On the same day, {B} took the train to {A}.",
    ],
    needs: (world, { A, B }) =>
      all(
        world.hasFact("read", "the letter is unread"),
        world.hasFact("far away", "nobody is far away", { A, B }),
      ),
    does: (world, { A, B }) => {
      world.note("together again", { A, B });
      world.mood(A, "happy");
      world.answer(`Who came to ${A}?`, B);
    },
  },
  endLetter: {
    sentences: [
      "They talked until the neighbors complained.",
      "{A} still keeps a stamp from that day.",
      "Since then, {A} and {B} have written to each other every week.",
      "It had been a short letter, said {B}, but a good one.",
    ],
    needs: (world, { A, B }) => world.hasFact("together again", "they are not together", { A, B }),
    isEnd: true,
  },
  fallIn: {
    sentences: [
      "{B} leaned too far forward and fell into the water.",
      "There was a splash. {B} had slipped and fallen in.",
      "{B} wanted to pet a fish and fell into the water.",
    ],
    needs: (world) =>
      ["lake", "harbor", "beach", "mill"].includes(world.place ?? "")
        ? undefined
        : `there is no water ${atPlace(world.place)}`,
    does: (world, { B }) => {
      world.note("in the water", { B });
      world.answer("Who fell into the water?", B);
    },
  },
  callHelp: {
    sentences: [
      '"Help!" cried {B}. "I cannot swim!"',
      '"It is cold!" shouted {B}.',
      "{B} waved with both arms.",
      "Only {B}'s nose could be seen.",
    ],
    needs: (world, { B }) => world.hasFact("in the water", "nobody is in the water", { B }),
  },
  throwTool: {
    sentences: [
      "{A} saw {a T} and held it out to {B}.",
      "Quickly, {A} took {a T} and threw one end to {B}.",
      '"Hold on to this!" called {A}, and {B} grabbed {a T}.',
    ],
    needs: (world, { B }) => world.hasFact("in the water", "nobody is in the water", { B }),
    does: (world, { A, B, T }) => {
      world.own(T, A);
      world.note("held out", { A, B });
      world.answer(`What did ${A} have?`, world.described(T));
    },
  },
  pullOut: {
    sentences: [
      "{A} pulled with all {his A} might until {B} was on land.",
      "One, two, three, and {A} had pulled {B} out.",
      "{A} pulled {B} out like a radish.",
    ],
    needs: (world, { A, B }) => world.hasFact("held out", "nothing was held out", { A, B }),
    does: (world, { A, B }) => {
      world.facts.delete("in the water");
      world.note("saved", { A, B });
      world.note(`${A} is kind to ${B}`);
      world.mood(B, "happy");
      world.answer(`Who helped ${B}?`, A);
    },
  },
  dryOff: {
    sentences: [
      "{B} shook {him B}self, and a small fish jumped out of {his B} pocket.",
      "{B} sat in the sun and steamed like a hot potato.",
      "{A} wrapped {B} in a big towel.",
      "{B}'s shoes made squelching noises.",
    ],
    needs: (world, { A, B }) => world.hasFact("saved", "nobody was saved", { A, B }),
  },
  endRescue: {
    sentences: [
      "The next summer, {A} taught {B} how to swim.",
      "{B} called {A} captain from then on.",
      "{B} promised {A} to pet only dry animals.",
      "And {B} never forgot who had held the {T}.",
    ],
    needs: (world, { A, B }) => world.hasFact("saved", "nobody was saved", { A, B }),
    isEnd: true,
  },
  fog: {
    sentences: [
      "But on the way back, a thick fog came up, and {A} was lost.",
      "Then it grew dark, and {A} no longer knew the way.",
      "{A} took a wrong turn, and then another one.",
      "All paths looked the same, and {A} walked in circles.",
    ],
    needs: (world) => world.isOut(),
    does: (world, { A }) => {
      world.mood(A, "afraid");
      world.note("astray", { A });
      world.answer("Who lost the way?", A);
    },
  },
  seeLight: {
    sentences: [
      "A small light came closer, and behind it {a kind B} named {name B}.",
      "Then {A} saw a light. It was {name B}, {a kind B}, with a lantern.",
      'A voice called through the dark: "This way!" It was {name B}, {a kind B}.',
    ],
    needs: (world, { A }) => world.hasFact("astray", "nobody has lost the way", { A }),
    does: (world, { B }) => {
      world.note("a light", { B });
      world.person(B).place = world.place;
      world.answer("Who had a light?", B);
      world.answer(`Who was ${B}?`, withArticle(world.kindOf(B)));
    },
  },
  guideHome: {
    sentences: [
      "{B} took {A} by the hand and brought {him A} home.",
      '"Follow me," said {B} and led {A} home.',
      "{B} knew every stone and showed {A} the way.",
      "{A} held on to {B}'s sleeve until {his A} own house came into sight.",
    ],
    needs: (world, { B }) => world.hasFact("a light", "nobody has a light", { B }),
    does: (world, { A, B }) => {
      world.note("home again", { A, B });
      world.note(`${B} is kind to ${A}`);
      world.mood(A, "happy");
      world.answer(`Who helped ${A}?`, B);
    },
  },
  endWay: {
    sentences: [
      "Since then, there has always been a lantern in {A}'s window.",
      "{A} drew a map of the way, with {B} in the middle.",
      "The next evening, {A} stood outside with a light {him A}self.",
      "At home, {A} made soup for {B} and for {him A}self.",
    ],
    needs: (world, { A, B }) => world.hasFact("home again", "nobody is home yet", { A, B }),
    isEnd: true,
  },
});
