/**
 * The vocabulary of the small world: who lives in it, what they own and where they go.
 *
 * @module
 */

/** The pronoun of a person; also stands for "him" and "his", or "her". */
export type Pronoun = "he" | "she";

/** A kind of person or animal. */
export interface Kind {
  /** The pronoun that the word itself implies: a queen is she. Animals are either. */
  readonly pronoun?: Pronoun;
  /** Sentences that are true of this kind only. */
  readonly nature: readonly string[];
}

/** A place that a story can lead to. */
export interface Place {
  /** The preposition of being there. */
  readonly preposition: "in" | "at" | "on" | "by";
  /** Sights, sounds and smells of the place, in whole sentences. */
  readonly sights: readonly string[];
  /** Spots in it where a small thing can lie. */
  readonly spots: readonly string[];
}

const list = (words: string): readonly string[] => words.trim().split(/\s+/);

/** First names of girls, women and female animals, the most frequent first. */
export const femaleNames = list(`
  Mia Emma Lily Anna Ella Nora Lucy Clara Ruby Maya Ida Rosa Zoe Alice Molly Amy Greta Hanna Nina
  Sara Julia Eva Daisy Frida Ada Agnes Alma Anya Astrid Aurora Bella Betty Bianca Carla Carmen
  Celia Dora Edith Elena Elsa Emily Esther Fatima Fiona Flora Gina Gloria Grace Hana Hazel Heidi
  Helen Ines Iris Irma Ivy Jane Jasmin June Kate Kira Lara Laura Leila Lena Linda Lisa Lola Lotte
  Luna Maja Maria Marta Meg Mila Mina Nadia Olga Olive Paula Petra Pia Polly Priya Rita Ruth Sally
  Selma Sofia Stella Susi Tanya Tess Thea Tilda Vera Viola Wanda Wendy Yara Yuki Zelda Adele Aisha
  Amelia Angela Beatrice Bonnie Camille Cecilia Charlotte Chloe Claudia Cora Diana Eleanor Elisa
  Erika Flavia Freya Gerda Gwen Helga Henrietta Hilda Imogen Ingrid Isabel Joan Josephine Juliet
  Karin Katya Lucia Margot Matilda Miriam Naomi Noemi Octavia Ophelia Pauline Phoebe Rebecca
  Renata Rosalind Sabine Sigrid Tabea Teresa Ursula Valerie
  Abigail Adriana Agatha Alexandra Alina Amanda Amara Andrea Anita Annika Antonia Ariel Audrey
  Barbara Brenda Bridget Brigitte Carolina Cassandra Catherine Celeste Chiara Christina Clementine
  Constance Coraline Cynthia Daphne Deborah Delia Denise Dolores Dorothy Elaine Eliza Eloise
  Elvira Emilia Estelle Eugenia Eunice Evelyn Felicia Felicity Florence Frances Francesca Gabriela
  Geraldine Gertrude Gladys Harriet Hedwig Ilse Irene Isadora Jacqueline Janet Jennifer Jessica
  Johanna Judith Justine Kirsten Laurel Leonora Letitia Lillian Lorraine Louisa Lydia Madeleine
  Magdalena Marcella Margaret Marianne Marion Martha Melanie Melissa Millicent Minerva Miranda
  Monica Muriel Nadine Natalia Nicole Noelle Norma Olivia Patricia Penelope Philippa Rachel Ramona
  Regina Rosemary Roxana Samantha Sandra Sarah Serena Sheila Sibyl Silvia Simone Sophie Susanna
  Sylvia Tabitha Tamara Tatiana Theodora Therese Trudy Vanessa Verena Veronica Victoria Violet
  Virginia Vivian Winifred Xenia Yasmin Yolanda Yvonne
`);

/** First names of boys, men and male animals, the most frequent first. */
export const maleNames = list(`
  Tom Ben Max Leo Sam Otto Jack Paul Felix Finn Henry Hugo Oscar Noah Emil Peter Bruno Theo Karl
  Jim Anton Simon Fred Abel Adam Albert Ali Arlo Arthur Axel Bert Boris Carl Cyrus Dan David Dino
  Edgar Edwin Eli Eric Ernest Frank Fritz George Gus Hans Harry Igor Ivan Jakob James Joe John
  Jonas Juan Kenji Kurt Leon Liam Louis Lukas Marco Mark Martin Milo Ned Nick Nils Omar Otis Pablo
  Pedro Philip Quentin Rafi Ralph Ravi Robin Rocco Rolf Roman Rudi Rufus Samir Stan Sven Ted
  Thomas Tim Toby Ugo Victor Vito Walter Yusuf Zack Adrian Alfred Alvin Andre Armin Barney
  Benedict Bernard Caspar Cedric Clemens Conrad Damian Dexter Diego Dominic Elmar Enzo Ezra Fabian
  Fergus Fernando Gabriel Gilbert Gregor Gustav Hector Horace Ignaz Jasper Jerome Julian
  Konstantin Laszlo Leonard Lorenz Luca Magnus Marvin Matteo Moritz Oliver Patrick Quincy Rupert
  Sebastian Tobias Ulrich Valentin Wilbur
  Abraham Aldous Alexander Alistair Alphonse Ambrose Anatole Andreas Angus Archibald Aristide
  Arnold Atticus August Augustus Balthasar Basil Bartholomew Benjamin Bertram Bjorn Bradley
  Brendan Byron Calvin Cameron Casimir Cecil Chester Christian Clarence Claude Clifford Cornelius
  Crispin Cuthbert Daniel Darius Denis Derek Desmond Dietrich Donald Douglas Duncan Dustin Earl
  Edmund Edward Egbert Eliot Emanuel Emmett Erwin Ethan Eugene Evan Ferdinand Florian Francis
  Franklin Frederick Geoffrey Gerald Gideon Godfrey Gordon Graham Gregory Hamilton Harold Harvey
  Heinrich Herbert Hermann Howard Hubert Humphrey Isaac Isidor Jarvis Jeremy Johann Jonathan
  Joseph Joshua Kasimir Kevin Kilian Lambert Lancelot Laurence Leopold Lionel Lucas Lucian Ludwig
  Malcolm Manfred Maurice Maximilian Melvin Michael Mortimer Nathaniel Neville Nicholas Norbert
  Norman Orlando Oswald Pascal Percival Percy Phileas Pierre Ptolemy Randolph Raphael Raymond
  Reginald Reuben Richard Robert Roderick Roger Roland Rudolf Rupprecht Salvador Samuel Santiago
  Siegfried Silas Silvester Stanley Stefan Stephen Terence Theobald Theodore Timothy Tristan
  Vernon Vincent Waldemar Wendelin Wesley Wilfred Willard William Winston Wolfgang Xavier
  Zacharias
`);

/** Beginnings of made-up names. */
export const nameBeginnings = list(`
  Ba Be Bi Bo Da De Di Do Fa Fe Fi Fo Ga Gi Go Ha He Hi Ho Ja Jo Ju Ka Ke Ki Ko La Le Li Lo Ma Me Mi
  Mo Na Ne Ni No Pa Pe Pi Po Ra Re Ri Ro Sa Se Si So Ta Te Ti To Va Ve Vi Wa We Wi Za Ze Zi Zo Zu
`);
/** Middles of made-up names, which most do not have. */
export const nameMiddles = list("ba bi da di ga ki lo lu ma mi no ra ri ro sa ti va vi zo");
/** Ends of made-up names of females; no end of one list ends an end of the other. */
export const femaleEnds = list("lia ra mia nessa tta vina bella zia");
/** Ends of made-up names of males. */
export const maleEnds = list("bert dolf dor ko lon mund rik tok");

/** The kinds of characters: first those of main characters in common stories, then those of their companions. */
export const kinds: Readonly<Record<string, Kind>> = {
  girl: {
    pronoun: "she",
    nature: [
      "{A} could whistle louder than a train.",
      "{A} wore two socks that never matched.",
      "{A} had a tooth that wobbled.",
      "{A} counted every stair that she climbed.",
    ],
  },
  boy: {
    pronoun: "he",
    nature: [
      "{A} had a loose shoelace and a hole in each pocket.",
      "{A} talked to his shoes while he tied them.",
      "{A} kept a snail in a jam jar.",
      "{A}'s hair stood up like grass.",
    ],
  },
  princess: {
    pronoun: "she",
    nature: [
      "{A} could not sleep on peas, nor on carrots.",
      "{A} climbed out of the window rather than use the stairs.",
      "{A} had kissed eleven toads, just in case.",
      "{A} kept her rubber boots beside the throne.",
    ],
  },
  prince: {
    pronoun: "he",
    nature: [
      "{A} rode a donkey, for the horses made him dizzy.",
      "{A} practiced his bow before the mirror.",
      "{A} had slept through every battle.",
      "{A} sewed the buttons on his cloak himself.",
    ],
  },
  fox: {
    nature: [
      "{A}'s tail was the color of autumn leaves.",
      "{A} could hear a beetle sneeze.",
      "{A} walked so softly that even shadows made more noise.",
      "{A} knew nine ways out of every hole.",
    ],
  },
  bear: {
    nature: [
      "{A} snored from November to March.",
      "{A} said that honey was a vegetable.",
      "{A} scratched {his A} back on the same old pine each morning.",
      "{A} was too big for most doors.",
    ],
  },
  rabbit: {
    nature: [
      "{A}'s ears arrived a moment before the rest.",
      "{A} had forty cousins and knew all their birthdays.",
      "{A} never walked where a hop would do.",
      "{A}'s nose was busy from morning to night.",
    ],
  },
  dragon: {
    nature: [
      "{A} toasted bread with one breath.",
      "When {A} had a cold, the curtains caught fire.",
      "{A}'s wings were folded like two umbrellas.",
      "{A} slept on a heap of spoons, since gold was too hard.",
    ],
  },
  robot: {
    nature: [
      "{A}'s left knee squeaked.",
      "{A} blinked with a small green light.",
      "{A} drank one cup of oil a day.",
      "{A} said good night to the toaster.",
    ],
  },
  mouse: {
    nature: [
      "{A} slept in a slipper.",
      "{A} could live on one crumb for a week.",
      "{A}'s whole house fitted into a coffeepot.",
      "{A} squeaked before every sentence.",
    ],
  },
  cat: {
    nature: [
      "{A} owned every chair in the village.",
      "{A} slept eighteen hours and rested the other six.",
      "{A} never came when called.",
      "{A} purred like a sewing machine.",
    ],
  },
  dog: {
    nature: [
      "{A} thought that every stick was a present.",
      "{A}'s tail knocked over one cup a day.",
      "{A} shook hands with everyone.",
      "{A} barked at the moon, but politely.",
    ],
  },
  queen: {
    pronoun: "she",
    nature: [
      "{A} liked to slide down the banisters.",
      "{A} signed all letters with a drawing of a hen.",
      "{A} kept cookies under her crown.",
      "{A} waved even to the chickens.",
    ],
  },
  king: {
    pronoun: "he",
    nature: [
      "{A} wore slippers under his robe.",
      "{A} had a crown for each day and lost one every week.",
      "{A} ruled over eleven people and a donkey.",
      "{A} polished the throne himself.",
    ],
  },
  witch: {
    pronoun: "she",
    nature: [
      "{A}'s broom had a bell and a basket.",
      "{A}'s soup changed color when one looked away.",
      "{A} turned pumpkins into coaches, and always back again.",
      "{A} wore her hat even in the bath.",
    ],
  },
  wizard: {
    pronoun: "he",
    nature: [
      "{A}'s beard got caught in doors.",
      "{A} had forgotten every spell but two.",
      "{A} looked for his glasses, and they were on his nose.",
      "{A}'s wand worked best on rainy days.",
    ],
  },
  owl: {
    nature: [
      "{A} read the newspaper by moonlight.",
      "{A} went to bed when everyone else had breakfast.",
      "{A} could look behind without turning around.",
      "{A} answered most questions with another question.",
    ],
  },
  hedgehog: {
    nature: [
      "{A} rolled down hills and called it travel.",
      "Nobody hugged {A} without thinking twice.",
      "Leaves always stuck to {A}'s back.",
      "{A} had more spines than anyone could count.",
    ],
  },
  frog: {
    nature: [
      "{A} sang a song with only one note.",
      "{A} thought that rain was the best weather.",
      "{A}'s feet went flip and flop.",
      "{A} could catch a fly without looking up.",
    ],
  },
  duck: {
    nature: [
      "{A} never used an umbrella.",
      "{A} walked like someone with two left feet.",
      "{A} quacked in {his A} sleep.",
      "Water ran off {A} like good advice.",
    ],
  },
  goat: {
    nature: [
      "{A} had eaten three calendars and a hat.",
      "{A} could stand on one fence post.",
      "{A} combed {his A} beard on Sundays.",
      "{A} climbed first and looked later.",
    ],
  },
  squirrel: {
    nature: [
      "{A} had buried a hundred nuts and forgotten ninety.",
      "{A} ran up a tree faster than rain runs down.",
      "{A} used {his A} tail as a blanket.",
      "{A} could not sit still for as long as a sneeze.",
    ],
  },
  dinosaur: {
    nature: [
      "{A} was late for everything by some million years.",
      "{A} could look into upstairs windows.",
      "{A}'s footprints became ponds.",
      "{A} had been told that dinosaurs were gone, and did not mind.",
    ],
  },
  giant: {
    nature: [
      "{A} used a cellar door as a tray.",
      "When {A} whispered, the windows rattled.",
      "{A} took one step where others took twenty.",
      "{A} had to bend down to see the church tower.",
    ],
  },
  turtle: {
    nature: [
      "{A} needed a whole day to cross the street.",
      "{A} was never far from home.",
      "{A} had started for a party last spring.",
      "{A} thought long before saying hello.",
    ],
  },
  crow: {
    nature: [
      "{A} collected everything that glittered.",
      "{A} knew all the gossip of the rooftops.",
      "{A}'s voice was like an old gate.",
      "{A} could count to seven.",
    ],
  },
  baker: {
    nature: [
      "{A} left white fingerprints on everything.",
      "{A} got up when the stars were still out.",
      "{A} could smell a burnt bun from a mile away.",
      "{A}'s bread was so light that it had to be held down.",
    ],
  },
  farmer: {
    nature: [
      "{A} gave each potato a name.",
      "{A}'s tractor started only after a compliment.",
      "{A} wished good morning to every cow.",
      "{A} could tell the weather by {his A} big toe.",
    ],
  },
  sailor: {
    nature: [
      "{A} could tie a hundred knots and untie ninety.",
      "{A} swayed even on dry land.",
      "{A} told stories that grew longer each time.",
      "{A} had an anchor drawn on one arm.",
    ],
  },
  penguin: {
    nature: [
      "{A} always looked dressed for the opera.",
      "{A} slid on {his A} belly whenever it was allowed.",
      "{A} found every summer too long.",
      "{A} kept the window open in January.",
    ],
  },
  elephant: {
    nature: [
      "{A} remembered what everyone had worn last year.",
      "{A} could water the flowers without a can.",
      "{A} took up a whole bench.",
      "{A} was afraid of nothing but small staircases.",
    ],
  },
  ghost: {
    nature: [
      "{A} said boo so quietly that people answered bless you.",
      "{A} went through walls and forgot the cake behind.",
      "{A} had to be washed with the white things.",
      "{A} was afraid of the dark.",
    ],
  },
};

/** Traits of persons, the most frequent first. */
export const traits = list(`
  brave busy careful cheerful clever clumsy curious dreamy forgetful friendly funny gentle grumpy
  happy hungry jolly kind lazy little lonely loud lucky modest neat noisy old patient polite proud
  quick quiet shy silly sleepy small stubborn tall thoughtful tiny tired wise young
  absent-minded adventurous agile ambitious amiable anxious artistic astonished bald bashful
  bearded blissful blond blushing boastful boisterous bold bookish bouncy breathless brisk bubbly
  bushy calm candid carefree casual cautious charming chatty cheeky chilly chubby civil clownish
  comical contented cozy crafty cranky creative cuddly curly cute dainty dapper daring dashing
  dazzling dazed decent delicate delighted determined devoted dignified diligent discreet
  distracted dizzy dotty drowsy dutiful eager early earnest elderly elegant eloquent enchanted
  energetic excited faithful famous fearless fidgety fluffy flustered fond forgiving formal
  fragile frank freckled frugal fussy gallant generous giddy giggling glad gleeful glum graceful
  gracious grateful gullible handsome handy harmless hasty hearty helpful hesitant hopeful
  hospitable hushed idle imaginative impatient impish inquisitive jaunty jittery jovial joyful
  keen knowing lanky lean lenient lighthearted limping lively long-legged lovable loving loyal
  mellow merry messy mighty mild mischievous moody muddy musical mysterious nervous nearsighted
  nimble noble nosy obedient obliging odd optimistic orderly outspoken pale peaceful peckish
  pensive peppy perky persistent playful pleasant plucky plump poetic pompous popular posh
  practical precise prim prudent punctual puzzled quaint quarrelsome quirky radiant rambling
  reliable restless romantic rosy rugged ruddy sad sandy scatterbrained scruffy secretive sensible
  serene serious shaggy sheepish shortsighted sincere skillful slender slim slippery sly smart
  smiling sneezing snoozing snug sociable soft-spoken solemn somber speedy spirited splendid
  spontaneous sporty sprightly squeaky stately stern stout sturdy stylish sunny superstitious
  sweet talented talkative tame tender thirsty thorough thrifty ticklish tidy timid tireless
  trembling trusting truthful vain valiant versatile vigilant vivid waggish watchful weary
  well-read whimsical whistling wide-awake wild winking wistful witty wobbly wondering wrinkled
  yawning zany zealous
`);

/** Things to own and carry, the most frequent first. */
export const things = list(`
  kite ball lamp cart doll flute guitar scarf box cap coin comb feather flag glove hammer key mask
  mug puppet ribbon sled tent trumpet violin wagon balloon bucket candle necklace telescope puzzle
  fan accordion backpack banjo bonnet bracelet cape compass crayon domino football handbag
  harmonica hoop kaleidoscope kazoo locket magnet marble notebook paddle paintbrush pencil
  pinwheel purse quilt rattle seashell skateboard stool tambourine tricycle ukulele vest wallet
  xylophone yo-yo abacus airplane alarm album almanac armchair atlas baton bathtub beret
  binoculars birdcage blazer boomerang bookmark bowl briefcase brooch brush bugle camera canteen
  cane cardigan carousel castanet catapult cello chart chessboard chime clarinet clog cradle
  cuckoo cushion cymbal dial diary dice dress dollhouse easel earring eggcup envelope eraser
  fiddle fishbowl flask flashlight frame frisbee funnel gong gumball gyroscope hairbrush hammock
  harp hatbox headband helmet hourglass inkwell jacket jigsaw jug kettle kimono ladle lasso lute
  lyre mandolin megaphone microscope mitten model moccasin monocle napkin oboe ocarina organ
  overcoat padlock pail paperweight parachute parasol pendant photo piano piccolo pinata pipe
  pitcher plate pocketknife pogo postcard poster quill racket radio raft raincoat rocket rug ruler
  sandal satchel saxophone scale scooter screwdriver sewing-box shawl shell shovel sketchbook
  skirt skittle snorkel sombrero spyglass stapler stilt stocking sweater swing teapot teddy
  thimble toboggan toy trombone tuba turban typewriter tutu unicycle veil viola wig windmill
  wreath wristband zither
`);

/** Adjectives for the looks of a thing, the most frequent first. */
export const looks = list(`
  beautiful big black blue bright broken-in brown colorful dusty fine funny golden gray green
  heavy light lucky new old pink plain pretty purple red round shiny silver small spotted striped
  strange tiny white yellow
  amber antique arched bamboo battered beaded bent bony braided brass bronze bulky carved
  checkered chipped chrome clean coarse copper crimson crinkled crisp crooked crystal curved
  dented dotted emerald embroidered enormous faded fancy featherlight flat flimsy floral flowery
  fluorescent folded foldable fragrant frayed frosty furry fuzzy gigantic gilded glazed gleaming
  glittering glossy glowing handmade hollow homemade inlaid ivory jagged jingling jumbo knitted
  knobbly lacy large lavender leather lemon-yellow little lopsided lumpy magenta magnetic marbled
  maroon mended metal miniature mint-green modern mottled narrow oak oblong orange oval ornate
  painted paper patched pearly peculiar plaid pleated pointed polished porcelain precious quilted
  rare rickety rubber rusty satin scarlet scented scratched sequined shabby shimmering silken
  sky-blue sleek slim smooth soft sparkling speckled spiky spiral spotless square squeaking steel
  sticky straight strong swirly thick thin tiger-striped tinted translucent triangular turquoise
  velvet violet-blue waterproof wavy waxed wicker wide wooden woolen worn wrapped zigzag
`);

/** Foods, the most frequent first. */
export const foods = list(`
  apple bun cake carrot cheese cookie dumpling melon muffin omelet pancake peach pear pie pizza
  plum pretzel pudding pumpkin radish sandwich strudel tart turnip waffle
  almond apricot artichoke avocado bagel baguette banana biscuit blueberry bonbon bretzel brioche
  broccoli brownie burrito cabbage candy casserole cauliflower cherry chestnut chowder coconut
  compote corncob cracker cranberry crepe croissant crumpet cucumber cupcake custard date doughnut
  eclair eggplant fig fondue fritter gingerbread goulash grape grapefruit hazelnut jelly kebab
  kiwi lasagna lemon lollipop macaroon mango marshmallow meatball meringue mushroom nougat
  omelette orange pasta pastry pea peanut pepper pickle pineapple popcorn porridge praline quiche
  quince raisin raspberry ravioli risotto salad sausage scone sorbet soup spinach strawberry taco
  toffee tomato truffle walnut watermelon yam zucchini
`);
/** Adjectives for food. */
export const tastes = list("big cold crisp fresh hot little salty sour spicy sweet warm");

/** Plants that grow from a seed, the most frequent first. */
export const plants = list(`
  bluebell buttercup carnation daffodil daisy dandelion iris lily marigold pansy poppy primrose
  rose sunflower thistle tulip violet
  amaryllis anemone aster azalea begonia camellia chrysanthemum clover cornflower crocus cyclamen
  dahlia delphinium edelweiss forsythia foxglove freesia fuchsia gardenia gentian geranium
  gladiolus heather hibiscus hollyhock honeysuckle hyacinth hydrangea jasmine larkspur lavender
  lilac lotus lupine magnolia mallow nasturtium oleander orchid peony petunia phlox ranunculus
  rhododendron sage snapdragon snowdrop thyme verbena wisteria yarrow zinnia
`);

/** Tools to reach something with, and how they are used. */
export const tools: Readonly<Record<string, string>> = {
  broom: "reached up",
  hook: "leaned forward",
  ladder: "climbed up",
  net: "stretched out",
  pole: "stood on tiptoe",
  rake: "jumped up",
  rope: "pulled hard",
  stick: "poked around",
};
/** Adjectives for tools. */
export const toolLooks = list("long strong thin sturdy");

/** Places to go to. */
export const places: Readonly<Record<string, Place>> = {
  forest: {
    preposition: "in",
    sights: [
      "The trees whispered to each other.",
      "It smelled of mushrooms and moss.",
      "A woodpecker was hard at work.",
      "Somewhere a twig snapped.",
    ],
    spots: ["under a fern", "behind an oak", "in a hollow trunk", "on a mossy rock"],
  },
  garden: {
    preposition: "in",
    sights: [
      "The bees were already at work.",
      "A snail crossed the path without hurry.",
      "The beans had climbed over the fence.",
      "Every rose had its own smell.",
    ],
    spots: ["among the cabbages", "behind the shed", "under a rosebush", "in a flowerpot"],
  },
  beach: {
    preposition: "at",
    sights: [
      "The waves rolled in and out.",
      "A crab hurried sideways into its hole.",
      "The sand was as warm as toast.",
      "A gull stole somebody's lunch.",
    ],
    spots: ["in the sand", "under a rowboat", "behind a dune", "among the seaweed"],
  },
  hill: {
    preposition: "on",
    sights: [
      "The wind tried to steal every hat.",
      "One could see three villages from there.",
      "Clouds sailed by like slow ships.",
      "The grass bowed and rose again.",
    ],
    spots: ["behind a boulder", "in the tall grass", "under a thornbush", "beside the signpost"],
  },
  barn: {
    preposition: "in",
    sights: [
      "The hay tickled everyone's nose.",
      "A hen complained about something.",
      "Sunlight came in through the cracks.",
      "An old tractor slept under a sheet.",
    ],
    spots: ["in the hay", "behind a barrel", "under the wheelbarrow", "on a beam"],
  },
  market: {
    preposition: "at",
    sights: [
      "Somebody shouted the price of onions.",
      "It smelled of fish and cinnamon.",
      "A juggler dropped only one egg.",
      "There was more cheese than anyone could eat.",
    ],
    spots: ["under a stall", "between two crates", "behind the fountain", "in an empty basket"],
  },
  castle: {
    preposition: "in",
    sights: [
      "Each step had an echo.",
      "A painted knight looked down from the wall.",
      "The fireplace was as large as a bedroom.",
      "A suit of armor creaked.",
    ],
    spots: ["behind a tapestry", "under the throne", "in a dusty chest", "on the battlements"],
  },
  cave: {
    preposition: "in",
    sights: [
      "Drops of water played a slow tune.",
      "A bat turned over in its sleep.",
      "The walls glittered a little.",
      "It was as dark as the inside of a boot.",
    ],
    spots: ["behind a pillar of stone", "in a crack", "near a small pool", "under a ledge"],
  },
  lake: {
    preposition: "by",
    sights: [
      "The water was a mirror for the clouds.",
      "A fish jumped and was gone.",
      "Dragonflies stood still in the air.",
      "Two swans pretended not to see each other.",
    ],
    spots: ["among the reeds", "behind a willow", "under the pier", "in a canoe"],
  },
  meadow: {
    preposition: "in",
    sights: [
      "The crickets were giving a concert.",
      "A butterfly could not decide on a flower.",
      "A cow looked up and went on chewing.",
      "The grass reached up to everybody's knees.",
    ],
    spots: ["in the clover", "behind a log", "under a dandelion", "beside a molehill"],
  },
  mill: {
    preposition: "at",
    sights: [
      "The great wheel groaned and turned.",
      "White dust lay on everything.",
      "The millstream never stopped talking.",
      "A sparrow took a bath in flour.",
    ],
    spots: ["behind a sack", "under the stairs", "beside the wheel", "in the grain bin"],
  },
  school: {
    preposition: "at",
    sights: [
      "The bell rang as if it meant it.",
      "Chalk dust danced in the sun.",
      "Somebody practiced the recorder.",
      "The blackboard was full of sums.",
    ],
    spots: ["under a desk", "behind the door", "on the bookshelf", "in the coat closet"],
  },
  harbor: {
    preposition: "at",
    sights: [
      "The ropes creaked and the masts swayed.",
      "A ship's horn made everyone jump.",
      "Nets were hung out to dry.",
      "It smelled of salt and tar.",
    ],
    spots: ["behind the anchor", "under a fishing net", "in a lifeboat", "between two barrels"],
  },
  library: {
    preposition: "in",
    sights: [
      "It was so quiet that one heard the pages breathe.",
      "A ladder led up to the highest books.",
      "Somebody said shh, although nobody had spoken.",
      "The clock ticked very politely.",
    ],
    spots: ["between two books", "under the reading chair", "behind a globe", "in a drawer"],
  },
  station: {
    preposition: "at",
    sights: [
      "A train came in with a long sigh.",
      "Somebody ran with three suitcases.",
      "The conductor blew a whistle.",
      "The big clock was two minutes fast.",
    ],
    spots: ["under a bench", "behind the ticket booth", "in a suitcase", "beside the rails"],
  },
  museum: {
    preposition: "in",
    sights: [
      "A stone lion looked bored.",
      "The floor squeaked at every step.",
      "A very old vase stood behind a rope.",
      "A guard yawned and pretended that he had not.",
    ],
    spots: ["behind a statue", "inside a vase", "under a glass case", "beside the mummy"],
  },
};

/** Subjects of stories, songs and dreams, the most frequent first. */
const topics = list(`
  pirates dragons castles trains whales comets volcanoes robots monkeys pancakes islands penguins
  clouds tigers giants shoes submarines circuses kangaroos lighthouses umbrellas mermaids cactuses
  camels deserts waterfalls peacocks parrots hammocks pyramids rockets knights jellyfish octopuses
  windmills bagpipes balloons beetles caterpillars crocodiles dolphins donkeys earthquakes
  elevators fireworks flamingos fountains glaciers gorillas hedgehogs hippos icebergs igloos
  jungles koalas labyrinths lanterns lemonade leopards lobsters magicians marmots meteors
  molehills moustaches mushrooms noodles orchards ostriches otters pajamas pandas pelicans pigeons
  planets potatoes rainbows raccoons reindeer rhinos sandcastles satellites scarecrows seahorses
  sharks skeletons snowmen spaghetti spiders starfish storks sunsets swamps swans tadpoles teapots
  thunder toads toothbrushes trampolines tortoises tractors trolls tugboats tunnels unicorns
  vampires vikings walruses wasps weasels whirlpools wolves woodpeckers yaks zebras zeppelins
  accordions acrobats alligators almonds anchors antelopes apricots astronauts attics avalanches
  badgers bakeries bananas barbers beavers bicycles biscuits blizzards bookworms bridges broccoli
  buffaloes butterflies buttons cannons canoes carousels cellars chameleons cherries chimneys
  clowns cobwebs coconuts compasses cowboys cranes daydreams detectives dungeons eagles echoes
  elves emeralds explorers fairies feathers ferries fireflies galaxies gardeners garlic gazelles
  geysers gnomes goblins goldfish gondolas grasshoppers hailstones hamsters harps helicopters
  herrings hurricanes inventors jackets jugglers kettles kiwis ladybugs lizards locomotives
  mailboxes mammoths marbles melodies microscopes midnight minnows mirrors mosquitoes mountains
  nightingales oceans onions opera orchestras owls oysters palaces pearls peppermint pharaohs
  pianos ponies porcupines postcards prairies puddles quicksand radishes ravens riddles rivers
  salamanders sardines scorpions seagulls shadows sheepdogs shipwrecks skunks sleds snails
  snowflakes squids stairs stockings sugar tambourines tangerines thimbles tornadoes treasures
  truffles turnips tuxedos typewriters ukuleles vanilla waiters watermelons whiskers wigs wizards
  xylophones yodeling
`);

/** Lists from which a sentence takes a word or phrase; their names are slots of templates. */
export const choices: Readonly<Record<string, readonly string[]>> = {
  weather: [
    "warm",
    "windy",
    "foggy",
    "cold",
    "sunny",
    "cloudy",
    "quiet",
    "mild",
    "bright",
    "misty",
  ],
  time: [
    "One day",
    "One morning",
    "One afternoon",
    "On Monday",
    "On Friday",
    "One Sunday",
    "Early in spring",
    "Late in summer",
    "One autumn day",
    "One winter morning",
  ],
  maker: ["uncle", "aunt", "grandmother", "grandfather", "cousin", "neighbor"],
  little: [
    "a moth",
    "a kitten",
    "a beetle",
    "a cricket",
    "a baby bat",
    "a sparrow",
    "a very small pig",
  ],
  pause: [
    "to smell a flower",
    "to take a nap",
    "to eat a sandwich",
    "to watch a snail",
    "to chase a leaf",
    "to tie a shoe",
    "to listen to a bird",
    "to talk to a cow",
  ],
  day: ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
  color: ["red", "blue", "green", "yellow", "white", "pink", "brown", "golden", "purple", "gray"],
  topic: topics,
  lack: ["sugar", "butter", "flour", "salt", "honey", "milk", "cinnamon", "yeast"],
  song: ["the moon", "a lost sock", "the sea", "a brave potato", "the rain", "a snail in love"],
  count: ["three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve", "twenty"],
  dream: [
    "flying over the roofs",
    "a mountain of pancakes",
    "a talking teacup",
    "a ship made of bread",
    "dancing with a whale",
    "a house full of clocks",
  ],
  material: ["wood", "paper", "old buttons", "wool", "clay", "bottle caps", "string", "straw"],
  glue: [
    "glue",
    "a bit of string",
    "a needle and thread",
    "two nails",
    "some wax",
    "a drop of paint",
  ],
};

/** Phrases before the subject of a sentence. */
export const links = [
  "After a while,",
  "A moment later,",
  "At last,",
  "With a smile,",
  "Without a word,",
  "To everyone's surprise,",
  "Very slowly,",
  "And then",
] as const;
