/**
 * Events of stories about food, presents, borrowing and swapping.
 *
 * @module
 */

import { all, type Fault, withArticle, type World } from "../world.ts";
import { events } from "./event.ts";

/** Whether anything that a person owns is broken. */
function isBroken(world: World, noun: string, by?: string): Fault {
  return world.hasFact(`${noun} is broken`, `the ${noun} is not broken`, { A: by });
}

/** Events about giving and taking. */
export const sharing = events({
  packFood: {
    sentences: [
      "{A} unpacked {a F}.",
      "For lunch, {A} had brought {a F}.",
      "{A} sat down on a bench and took out {a F}.",
      "In {his A} basket, {A} had {a F}.",
    ],
    needs: (world) => world.isOut(),
    does: (world, { A, F }) => {
      world.own(F, A);
      world.answer(`What did ${A} have?`, world.described(F));
    },
  },
  smellFood: {
    sentences: [
      "{B} looked at the {F} with big eyes.",
      "{B} had not eaten for {count} days.",
      "{B} sniffed. It smelled wonderful.",
      "{B}'s stomach growled like a lion.",
      '"I have not eaten since yesterday," sighed {B}.',
      "{B} had forgotten to have breakfast.",
    ],
    needs: (world) => world.isOut(),
    does: (world, { B }) => world.mood(B, "hungry"),
  },
  begFood: {
    sentences: [
      '"May I have a bite of your {F}?" asked {B}.',
      '"What a nice {F} you have," said {B}.',
      '"Could I taste the {F}?" {B} asked.',
      '"Just a crumb of the {F}, please," said {B}.',
    ],
    needs: (world, { B, F }) =>
      all(
        world.feels(B, "hungry"),
        world.thing(F).holder === undefined
          ? `nobody has the ${F}`
          : world.thing(F).holder === B
          ? `${B} has the ${F}`
          : undefined,
      ),
    does: (world, { B }) => world.note("asked for food", { B }),
  },
  hesitate: {
    sentences: [
      "{A} looked at the {F} and sighed.",
      "{A} was hungry, too, and thought for a while.",
      "{A} had looked forward to the {F} all morning.",
      "It was not easy for {A}, for the {F} was small.",
    ],
    needs: (world) => world.hasFact("asked for food", "nobody has asked for food"),
  },
  shareFood: {
    sentences: [
      "{A} cut the {F} in half, one for {A} and one for {B}.",
      '"Half for you, half for me," said {A} and gave {B} a piece of the {F}.',
      "Then {A} broke the {F} in two and gave {B} the bigger half.",
      '"Sit down, {B}," said {A}. "The {F} is enough for two."',
      "{A} cut the {F} in half, one for {B} and one for {him A}self.",
    ],
    needs: (world, { A, F }) =>
      all(
        world.holds(A, F),
        world.hasFact("asked for food", "nobody has asked for food"),
      ),
    does: (world, { A, B, F }) => {
      world.note("shared", { A, B });
      world.note(`${A} is kind to ${B}`);
      world.mood(B, "happy");
      world.answer(`Who shared the ${F}?`, A);
      world.answer(`What did ${A} and ${B} share?`, `the ${F}`);
    },
  },
  eatTogether: {
    sentences: [
      "They ate and counted {count} clouds.",
      "They ate and talked about {topic}.",
      "They chewed and watched the clouds.",
      "Not a crumb was left.",
      "It tasted better than ever before.",
      "They ate so fast that both got the hiccups.",
    ],
    needs: (world) => world.hasFact("shared", "nothing was shared"),
  },
  endShare: {
    sentences: [
      "And {A} and {B} made a plan for the next {day}.",
      "{B} invited {A} to supper on {day}.",
      "And {A} and {B} made a plan for the next lunch.",
      "{A} found out that half of the {F} with a friend is more than the whole of it alone.",
      "The next day, {B} brought a basket of food for {A}.",
      "{B} invited {A} to supper in return.",
    ],
    needs: (world, { A, B }) => world.hasFact("shared", "nothing was shared", { A, B }),
    isEnd: true,
  },
  friendOwns: {
    sentences: [
      "{B} had {a X} that shone in the sun.",
      "{B} was proud of {his B} newest thing, {a X}.",
      "Yesterday, {B} had got {a X} from {his B} {maker}.",
      "{B} owned {a X}, and nobody else in the village had one.",
    ],
    does: (world, { B, X }) => {
      world.own(X, B);
      world.answer(`What did ${B} own?`, world.described(X));
    },
  },
  borrow: {
    sentences: [
      '"May I borrow your {X}?" asked {A}.',
      '"Will you lend me the {X}, {B}?" {A} asked.',
      '"Just for a minute, may I hold the {X}?" asked {A}.',
      "{A} begged {B} to lend {him A} the {X}.",
    ],
    needs: (world, { A, X }) =>
      all(
        world.thing(X).owner === A ? `the ${X} is ${A}'s own` : undefined,
        world.thing(X).holder === undefined ? `nobody has the ${X}` : undefined,
      ),
    does: (world, { A }) => world.note("asked to borrow", { A }),
  },
  lend: {
    sentences: [
      '"Of course," said {B} and handed the {X} to {A}.',
      '"All right, but take care of it," said {B} and gave {A} the {X}.',
      "{B} did not like to, but lent {A} the {X}.",
      '"Until tonight," said {B}, and {A} got the {X}.',
    ],
    needs: (world, { A, B, X }) =>
      all(
        world.hasFact("asked to borrow", "nobody has asked for it", { A }),
        world.owns(B, X),
        world.holds(B, X),
      ),
    does: (world, { A, B, X }) => {
      world.give(X, A);
      world.answer(`Who lent ${A} the ${X}?`, B);
    },
  },
  break: {
    sentences: [
      "{A} tripped over a footstool, and the {X} broke.",
      "Then {A} let go for a second, and the {X} fell and broke.",
      "{A} sat on the {X}. It went crack.",
      "{A} swung the {X} around, and it hit a wall and broke.",
      "There was a crack, and {A} held one half of the {X} in each hand.",
    ],
    needs: (world, { A, X }) =>
      all(world.holds(A, X), world.hasNoFact(`${X} is broken`, `the ${X} is broken already`)),
    does: (world, { A, X }) => {
      world.note(`${X} is broken`, { A });
      world.mood(A, "sad");
      world.answer(`Who broke the ${X}?`, A);
      world.answer("What broke?", `the ${X}`);
    },
  },
  fear: {
    sentences: [
      '"Will {B} ever speak to me again?" thought {A}.',
      "{A} thought about running away to sea.",
      "{A} wished that {he A} had stayed in bed.",
      '"I could say that a bird did it," thought {A}.',
      "{A}'s knees were as soft as butter.",
    ],
    needs: (world, { A }) => world.feels(A, "sad"),
  },
  confess: {
    sentences: [
      '"It was me. I broke your {X}," {A} said to {B}.',
      "{A} took a deep breath and told {B} everything about the {X}.",
      '"I am sorry about the {X}, {B}," said {A}.',
      "{A} went to {B} and put the pieces of the {X} on the table.",
    ],
    needs: (world, { A, B, X }) => all(isBroken(world, X, A), world.owns(B, X)),
    does: (world, { A, B }) => {
      world.note("confessed", { A, B });
      world.answer("Who told the truth?", A);
    },
  },
  forgive: {
    sentences: [
      '"It is good that you told me," said {B}.',
      "{B} was quiet for a moment and then smiled.",
      '"Things break," said {B}. "Friends do not."',
      '"I broke it twice myself," {B} admitted.',
    ],
    needs: (world, { A, B }) => world.hasFact("confessed", "nobody has told the truth", { A, B }),
  },
  mend: {
    sentences: [
      "With {glue}, {A} and {B} put the {X} together again.",
      "{A} fetched {glue}, and {B} held the pieces of the {X}.",
      "It took {A} and {B} all afternoon and {glue}, but then the {X} was whole.",
    ],
    needs: (world, { X }) =>
      all(isBroken(world, X), world.hasFact("confessed", "nobody has told the truth")),
    does: (world, { A, B, X }) => {
      world.facts.delete(`${X} is broken`);
      world.note("mended", { A, B });
      world.give(X, world.thing(X).owner ?? B);
      world.mood(A, "happy");
      world.answer(`Who mended the ${X}?`, `${A} and ${B}`);
    },
  },
  endTruth: {
    sentences: [
      "The crack is still there, and {A} and {B} like it best of all.",
      "It looked better than before, said {B}.",
      "{A} found that the truth is lighter to carry than a lie.",
      "Ever since, {A} has asked twice and held on tight.",
    ],
    needs: (world, { A, B }) => world.hasFact("mended", "nothing was mended", { A, B }),
    isEnd: true,
  },
  birthday: {
    sentences: [
      "It was {count} days to {B}'s birthday, and {A} had no present.",
      "On {D}, it was {B}'s birthday, and {A} had no present.",
      "It was nearly {B}'s birthday, and {A} had no present.",
      "{B} had a birthday soon. What could {A} give {him B}?",
      "{A} had only two coins, and {B}'s birthday was on {D}.",
      "On the calendar, {A} had drawn a ring around {B}'s birthday.",
    ],
    does: (world, { A, B, D }) => {
      world.keep("D", D);
      world.note("birthday", { A, B });
      world.answer("Whose birthday was it?", `${B}'s`);
    },
  },
  makeGift: {
    sentences: [
      "So {A} made {a X} out of {material}.",
      "With a lot of {material}, {A} made {a X}.",
      "{A} worked for three evenings, and then {a X} of {material} was ready.",
      "With a lot of {material}, {A} built {a X}.",
      "{A} took {material} and made {a X}, and only one thumb got hurt.",
    ],
    needs: (world, { A, B }) => world.hasFact("birthday", "it is nobody's birthday", { A, B }),
    does: (world, { A, X }) => {
      world.own(X, A);
      world.answer(`Who made the ${X}?`, A);
      world.answer(`What did ${A} make?`, world.described(X));
    },
  },
  wrapGift: {
    sentences: [
      "{A} wrapped the {X} in {color} paper.",
      "{A} tied a {color} bow around the {X}.",
      "{A} wrapped the {X} in newspaper.",
      "{A} tied a bow around the {X}, and another one around {his A} own finger.",
      "{A} hid the {X} under the bed.",
      "The {X} was hard to wrap, and {A} used a tablecloth.",
    ],
    needs: (world, { A, B, X }) =>
      all(world.holds(A, X), world.hasFact("birthday", "it is nobody's birthday", { A, B })),
  },
  giveGift: {
    sentences: [
      '"Happy birthday!" said {A} and gave {B} the {X}.',
      "On {D}, {A} rang {B}'s bell and held out the {X}.",
      "On the day itself, {A} rang {B}'s bell and held out the {X}.",
      "{A} put the {X} on {B}'s doorstep and hid behind a hedge.",
      '"It is only this {X}," said {A} to {B}, "but I made it myself."',
    ],
    needs: (world, { A, B, D, X }) =>
      all(
        world.isStill("D", D),
        world.holds(A, X),
        world.hasFact("birthday", "it is nobody's birthday", { A, B }),
      ),
    does: (world, { A, B, D, X }) => {
      world.keep("D", D);
      world.own(X, B);
      world.mood(B, "happy");
      world.note("gift", { A, B });
      world.note(`${A} is kind to ${B}`);
      world.answer(`Who has the ${X} now?`, B);
      world.answer(`What did ${B} get?`, world.described(X));
    },
  },
  useGift: {
    sentences: [
      "{B} did not let go of the {X} all day.",
      "{B} showed the {X} to {count} hens.",
      "{B} showed the {X} to every hen in the yard.",
      "{B} even took the {X} to bed.",
      "All the other presents stayed in their boxes, for {B} had the {X}.",
    ],
    needs: (world, { A, B, X }) =>
      all(world.hasFact("gift", "there was no gift", { A, B }), world.holds(B, X)),
  },
  endGift: {
    sentences: [
      "Then {A} and {B} ate {count} pieces of cake.",
      "{B} said to {A} that it was the best {D} of all.",
      "Two coins were left over, and {A} and {B} bought ice cream.",
      "{A} knew then that the best presents have no price.",
      "And {A} began to think about next year.",
      "{B} said that it was the best birthday since the first one.",
    ],
    needs: (world, { A, B, D }) =>
      all(world.isStill("D", D), world.hasFact("gift", "there was no gift", { A, B })),
    isEnd: true,
  },
  alsoHas: {
    sentences: [
      "{B} was playing with {a Y}.",
      "{B} was carrying {a Y}.",
      "Under one arm, {B} had {a Y}.",
      "{B} came along with {a Y}.",
      "{B} was carrying {a Y} that looked like fun.",
    ],
    needs: (world) => world.isOut(),
    does: (world, { B, Y }) => {
      world.own(Y, B);
      world.answer(`What did ${B} have?`, world.described(Y));
    },
  },
  admire: {
    sentences: [
      '"What a splendid {Y}!" said {A}.',
      "{A} liked the {Y} at once.",
      "{A} could not take {his A} eyes off the {Y}.",
      "{A} thought that the {Y} was the finest in the world.",
    ],
    needs: (world, { A, Y }) =>
      all(
        world.thing(Y).owner === A ? `the ${Y} is ${A}'s own` : undefined,
        world.thing(Y).holder === undefined ? `nobody has the ${Y}` : undefined,
      ),
    does: (world, { A }) => world.note("admired", { A }),
  },
  offerSwap: {
    sentences: [
      '"Your {X} for my {Y}, what do you say?" asked {B}.',
      '"I will give you my {Y} for your {X}," said {B}.',
      '"Shall we swap?" asked {B}. "My {Y} for your {X}?"',
      '"I will give you my {Y} if you give me your {X}," said {B}.',
      '"To be honest," said {B}, "I like your {X} better than my {Y}."',
    ],
    needs: (world, { B, X, Y }) =>
      all(
        world.holds(B, Y),
        world.thing(X).holder === B ? `${B} has the ${X}` : undefined,
        world.hasFact("admired", "nobody has looked at it"),
      ),
    does: (world, { B }) => world.note("offered", { B }),
  },
  swap: {
    sentences: [
      "So {A} gave {B} the {X} and got the {Y}.",
      "Then the {Y} was {A}'s and the {X} was {B}'s.",
      "They shook hands. {A} took the {Y}, and {B} took the {X}.",
      "{B} went off with the {X}, and {A} had the {Y}.",
    ],
    needs: (world, { A, B, X, Y }) =>
      all(
        world.hasFact("offered", "nobody has offered it"),
        world.holds(A, X),
        world.holds(B, Y),
      ),
    does: (world, { A, B, X, Y }) => {
      world.own(Y, A);
      world.own(X, B);
      world.note("swapped", { A, B });
      world.answer(`Who has the ${Y} now?`, A);
      world.answer(`Who has the ${X} now?`, B);
      world.mood(A, "happy");
    },
  },
  enjoySwap: {
    sentences: [
      "{A} played with the {Y} until it was dark.",
      "{A} ran home with the {Y} and showed it to {count} hens.",
      "At home, {A} gave the {Y} the best place on the shelf.",
      "{A} ran home with the {Y} and told everybody.",
      "All the way home, {A} looked at the {Y}.",
    ],
    needs: (world, { A, B, Y }) =>
      all(world.holds(A, Y), world.hasFact("swapped", "nobody has swapped anything", { A, B })),
  },
  endSwap: {
    sentences: [
      "Since then, {A} and {B} have swapped {count} things.",
      "Every {day}, {A} and {B} swap back for a day.",
      "Since then, {A} and {B} have swapped a hundred things, even socks.",
      "Sometimes {A} and {B} swap back for a day.",
      "It was a good trade, for both {A} and {B} thought that they had won.",
      "{A} learned that what is old to one is new to another.",
    ],
    needs: (world, { A, B }) => world.hasFact("swapped", "nobody has swapped anything", { A, B }),
    isEnd: true,
  },
  wantCake: {
    sentences: [
      "{A} wanted to bake {a F}.",
      "It was a good day for baking, and {A} got everything ready for {a F}.",
      "{A} put on an apron and opened a cookbook. It was going to be {a F}.",
      "Guests were coming, and {A} had promised {a F}.",
    ],
    does: (world, { A, F }) => {
      world.own(F, A);
      world.lose(F);
      world.note("baking", { A });
      world.answer(`What did ${A} bake?`, world.described(F));
    },
  },
  lackSugar: {
    sentences: [
      "But there was no {L} in the house.",
      "But in the jar for {L} sat only a beetle.",
      "But the {L} was all gone.",
      "But somebody had eaten all the {L}.",
    ],
    needs: (world) => world.hasFact("baking", "nobody is baking"),
    does: (world, { L }) => {
      world.keep("L", L);
      world.note("lacking");
    },
  },
  askNeighbor: {
    sentences: [
      "{A} knocked at {B}'s door and asked for {L}.",
      '"Do you have some {L} for me?" {A} asked {B}.',
      "With an empty cup, {A} went over to {B} and asked for {L}.",
    ],
    needs: (world, { L }) =>
      all(world.isStill("L", L), world.hasFact("lacking", "nothing is lacking")),
    does: (world, { A, B, L }) => {
      world.note("asked for some", { A, B });
      if (L !== undefined) world.answer(`What did ${A} ask ${B} for?`, L);
    },
  },
  lendSugar: {
    sentences: [
      '"Take as much as you need," said {B} and gave {A} a bag full.',
      "{B} filled the cup for {A} to the brim.",
      "{B} gave {A} the last that {he B} had.",
    ],
    needs: (world, { A, B }) =>
      world.hasFact("asked for some", "nobody has asked for any", { A, B }),
    does: (world, { A, B }) => {
      world.note("lent", { A, B });
      world.note(`${B} is kind to ${A}`);
      world.answer(`Who helped ${A}?`, B);
    },
  },
  bake: {
    sentences: [
      "Soon the {F} was in the oven, and {A} licked the spoon.",
      "{A} stirred and kneaded, and then the {F} began to rise.",
      "An hour later, {A} took the {F} out of the oven.",
      "The whole street could smell {A}'s {F}.",
    ],
    needs: (world, { A, F }) =>
      all(world.hasFact("lent", "something is still lacking"), world.owns(A, F)),
    does: (world, { A, F }) => {
      world.give(F, A);
      world.note("baked");
    },
  },
  inviteToCake: {
    sentences: [
      '"The first piece of the {F} is for you," said {A} to {B}.',
      "{A} carried the {F} over to {B}, for without {him B} there would be none.",
      "{A} invited {B}, and they ate the {F} while it was hot.",
      '"Come in, {B}," called {A}, "the {F} is ready!"',
    ],
    needs: (world, { A, F }) =>
      all(
        world.hasFact("baked", "nothing was baked"),
        world.holds(A, F),
      ),
    does: (world, { A, B }) => {
      world.note("invited", { A, B });
      world.answer(`Who ate with ${A}?`, B);
    },
  },
  thirdGuest: {
    sentences: [
      "Then {a kind C} named {name C} looked in at the window and got a piece, too.",
      "The smell brought one more guest: {name C}, {a kind C}.",
      "There was a knock, and in came {name C}, {a kind C}, with a fork.",
    ],
    needs: (world) => world.hasFact("invited", "nobody is invited"),
    does: (world, { C }) => {
      world.answer(`Who was ${C}?`, withArticle(world.kindOf(C)));
      world.answer("Who came last?", C);
    },
  },
  endCake: {
    sentences: [
      "{A} wrote into the cookbook: best with neighbors.",
      "And the next time, it was {B} who ran out of {L}.",
      "In the end, {A} and {B} were so full that they had to roll home.",
      "Now {A} bakes every week, and {B} always brings the {L}.",
    ],
    needs: (world, { A, B, L }) =>
      all(world.isStill("L", L), world.hasFact("invited", "nobody is invited", { A, B })),
    isEnd: true,
  },
});
