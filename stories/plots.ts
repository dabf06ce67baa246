/**
 * Plots: the order in which events happen.
 *
 * @module
 */

import type { Teller } from "./teller.ts";

/** Tells a story from after its beginning to its end. */
export type Plot = (teller: Teller) => void;

/** Stories longer than this many characters have no room for a second adventure. */
const ROOM_FOR_SECOND = 540;

/** Both go somewhere, usually as "they". */
function goTogether(t: Teller, P: string): void {
  t.say(t.isUnusual && t.chance(0.5) ? "together" : "allTogether", { P });
}

/** The owner sets out with something, and it is gone. */
function loseIt(t: Teller): void {
  t.say("own");
  t.maybe(0.2, "love");
  t.say("go", { P: t.places[0]! });
  t.maybe(0.3, "see");
  t.say("lose");
  t.maybe(0.3, "cry");
  t.maybe(0.3, "search");
}

function lost(t: Teller): void {
  loseIt(t);
  t.say("meet");
  t.maybe(0.2, "comfort");
  t.say(t.isUnusual && t.chance(0.5) ? "askSeen" : "tellLoss");
  t.say(t.isUnusual && t.chance(0.5) ? "answerNo" : "answerWhere", { P: t.places[1]! });
  goTogether(t, t.places[1]!);
  t.maybe(0.15, "see");
  t.say("find");
  t.say("giveBack");
  t.maybe(0.2, "rejoice");
  t.maybe(0.3, "thank");
  t.say(t.chance(0.7) ? "endHelp" : "friends");
}

function meanwhile(t: Teller): void {
  loseIt(t);
  t.say("meanwhileFind", { P: t.places[1]! });
  t.exchanged(() => t.maybe(0.2, "nature"));
  t.say("wonderWhose");
  t.say("bringTo");
  t.say("giveBack");
  t.maybe(0.3, "rejoice");
  t.maybe(0.5, "thank");
  t.say(t.chance(0.4) ? "endHelp" : "friends");
}

function stuck(t: Teller): void {
  t.say("own");
  t.maybe(0.2, "love");
  t.say("go", { P: t.places[0]! });
  t.maybe(0.3, "see");
  t.maybe(0.3, "take");
  t.say("stuck");
  t.maybe(0.2, "cry");
  t.maybe(0.6, "tooHigh");
  t.say("meet");
  t.maybe(0.15, "comfort");
  t.say("hasTool");
  t.say("useTool");
  t.say("giveBack");
  t.maybe(0.3, "rejoice");
  t.maybe(0.3, "thank");
  t.say(t.chance(0.6) ? "endHelp" : "friends");
}

function treasure(t: Teller): void {
  t.say("befriend");
  t.say("findMap");
  t.say("readMap", { P: t.places[1]! });
  t.say("showMap");
  goTogether(t, t.places[1]!);
  t.maybe(0.3, "see");
  t.say("dig");
  t.say("openChest");
  t.maybe(0.3, "rejoice");
  t.say("endTreasure");
}

function hideAndSeek(t: Teller): void {
  goTogether(t, t.places[0]!);
  t.maybe(0.2, "see");
  t.say("playHide");
  t.say("countDown");
  t.say("hide");
  if (t.chance(0.4)) t.say("seekWrong", { S: t.spot(t.world.place, t.world.hint?.spot) });
  t.maybe(0.3, "giggle");
  t.say("seekRight");
  t.say(t.chance(0.7) ? "endHide" : "sleep");
}

function picnic(t: Teller): void {
  t.say("go", { P: t.places[0]! });
  t.maybe(0.4, "see");
  t.say("packFood");
  t.say("meet");
  t.say("smellFood");
  t.say("begFood");
  t.maybe(0.3, "hesitate");
  t.say("shareFood");
  t.maybe(0.5, "eatTogether");
  t.say(t.chance(0.6) ? "endShare" : "friends");
}

function broken(t: Teller): void {
  t.say("friendOwns");
  t.say("borrow");
  t.say("lend");
  t.say("break");
  t.maybe(0.2, "cry");
  t.maybe(0.4, "fear");
  t.say("confess");
  t.say("forgive");
  t.say("mend");
  t.maybe(0.2, "rejoice");
  t.say("endTruth");
}

function birthday(t: Teller): void {
  t.say("birthday");
  t.say("makeGift");
  t.say("wrapGift");
  t.say("giveGift");
  t.maybe(0.6, "useGift");
  t.say("endGift");
}

function swap(t: Teller): void {
  t.say("own");
  t.maybe(0.3, "love");
  t.say("go", { P: t.places[0]! });
  t.maybe(0.3, "see");
  t.say("meet");
  t.say("alsoHas");
  t.say("admire");
  t.say("offerSwap");
  t.say("swap");
  t.maybe(0.5, "enjoySwap");
  t.say("endSwap");
}

function baking(t: Teller): void {
  t.say("befriend");
  t.say("wantCake");
  t.say("lackSugar");
  t.say("askNeighbor");
  t.say("lendSugar");
  t.maybe(0.3, "thank");
  t.say("bake");
  t.say("inviteToCake");
  t.maybe(0.3, "thirdGuest");
  t.say("endCake");
}

function noise(t: Teller): void {
  goTogether(t, t.places[0]!);
  t.maybe(0.3, "see");
  t.say("noise");
  t.say("scare");
  t.say("encourage");
  t.say("lookCloser");
  t.say("onlyLittle");
  t.maybe(0.5, "laughAtFear");
  t.say(t.chance(0.7) ? "endBrave" : "sleep");
}

function race(t: Teller): void {
  t.say("challenge", { P: t.places[1]! });
  t.say("start", { P: t.places[1]! });
  t.say("ahead");
  t.say("dawdle");
  t.maybe(0.4, "keepOn");
  t.say("win");
  t.maybe(0.2, "rejoice");
  t.maybe(0.5, "congratulate");
  t.say(t.chance(0.7) ? "endRace" : "sleep");
}

function concert(t: Teller): void {
  t.say("befriend");
  t.say("concert", { P: t.places[0]! });
  t.say("stageFright");
  t.say("advise");
  t.say("sing");
  t.maybe(0.6, "applaud");
  t.maybe(0.3, "rejoice");
  t.maybe(0.3, "thank");
  t.say("endSong");
}

function storm(t: Teller): void {
  t.say("storm");
  t.say("knock");
  t.say("letIn");
  t.say("warmUp");
  t.say("tellStories");
  t.say(t.chance(0.7) ? "endStorm" : "friends");
}

function seed(t: Teller): void {
  t.say("befriend");
  t.say("getSeed");
  t.say("plantSeed");
  t.say("nothingGrows");
  t.say("doubt");
  t.maybe(0.6, "wait");
  t.say("bloom");
  t.maybe(0.6, "amazed");
  t.say("endSeed");
}

function night(t: Teller): void {
  t.say("awake");
  t.say("visitAtNight");
  t.say("cocoa");
  t.maybe(0.8, "stars");
  t.say("yawn");
  t.say("endNight");
}

function letter(t: Teller): void {
  t.say("befriend");
  t.say("miss", { P: t.places[0]! });
  t.say("writeLetter");
  t.say("sendBy");
  t.say("readLetter");
  t.say("answerLetter");
  t.maybe(0.3, "rejoice");
  t.say("endLetter");
}

function rescue(t: Teller): void {
  goTogether(t, t.places[2]!);
  t.maybe(0.3, "see");
  t.say("fallIn");
  t.maybe(0.6, "callHelp");
  t.say("throwTool");
  t.say("pullOut");
  t.maybe(0.4, "dryOff");
  t.exchanged(() => t.maybe(0.3, "thank"));
  t.say("endRescue");
}

function astray(t: Teller): void {
  t.say("go", { P: t.places[0]! });
  t.maybe(0.6, "see");
  t.say("fog");
  t.say("seeLight");
  t.exchanged(() => t.maybe(0.2, "nature"));
  t.say("guideHome");
  t.maybe(0.4, "rejoice");
  t.maybe(0.3, "thank");
  t.say(t.chance(0.7) ? "endWay" : "friends");
}

/**
 * Begins a plot with a friend; short plots of two people follow such beginnings, and each other.
 */
function withFriend(plot: Plot): Plot {
  return (t) => {
    t.say("befriend");
    plot(t);
  };
}

const ofTwo = [birthday, broken, hideAndSeek, noise, race, night, rescue];

/** Two adventures of the same two people, the second perhaps with their roles exchanged. */
function twoAdventures(t: Teller): void {
  const first = Math.floor(t.random() * ofTwo.length);
  const second = (first + 1 + Math.floor(t.random() * (ofTwo.length - 1))) % ofTwo.length;
  withFriend(ofTwo[first]!)(t);
  if (t.length > ROOM_FOR_SECOND) return;
  t.say("nextDay");
  t.exchangeThings();
  if (t.chance(0.5)) t.exchange();
  ofTwo[second]!(t);
}

/** All plots, the most frequent first. */
export const plots: readonly Plot[] = [
  withFriend(birthday),
  withFriend(night),
  picnic,
  swap,
  lost,
  storm,
  seed,
  withFriend(broken),
  withFriend(hideAndSeek),
  withFriend(rescue),
  withFriend(race),
  stuck,
  withFriend(noise),
  astray,
  letter,
  baking,
  meanwhile,
  treasure,
  concert,
  twoAdventures,
];
