#include "rag/question_words.h"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_set>

#include "base/strings.h"
#include "rag/grounding_tokens.h"

namespace rage::rag {
namespace {

using WordSet = std::unordered_set<std::string_view>;

// One literal a list keeps the lists readable; split once.
WordSet words_of(std::string_view list) {
  WordSet set;
  for (const std::string_view word : split(list, ' ')) {
    if (!word.empty()) set.insert(word);
  }
  return set;
}

constexpr std::string_view kFunction =
    "a an the this that these those there here it its itself they them their theirs he him his she "
    "her hers we us "
    "our ours you your yours i me my mine myself im id ive ill youre theres heres "
    "is are was were be been being am do does did doing done has have had having can could will "
    "would shall should "
    "may might must isnt arent dont doesnt didnt wont cant "
    "and or but nor so if then than as because while whereas though although not no yes too also "
    "only just even "
    "of in on at by for from to into onto with without within during through throughout over under "
    "about above below "
    "between among around near across along after before until till since via per upon toward "
    "towards against "
    "who whom whose which what when where why how whos whats wheres whens hows "
    "any some every each all both either neither none few many much more most several other others "
    "another else same "
    "such own very quite rather really ever never always often still yet again already now once "
    "something anything everything nothing someone anyone everyone somebody anybody everybody "
    "nobody one ones thing "
    "things please tell give gives giving given provide provides provided providing me show list "
    "name know find see hear hearing want "
    "wants wanted like "
    "liked need needs get gets getting let lets go goes going make makes made take takes taking "
    "taken help helps "
    "helping attend attending visit learn learning look looking say says said mean means "
    "names say tell telling use uses used using two three four five kind sort way ways case bit "
    "lot "
    "up down out off back away together well ok okay thanks thank hi hello hey dear exactly right "
    "directly currently "
    "interested looking wondering curious possible possibly maybe perhaps actually "
    "respectively called titled named entitled apart besides including related regarding "
    "concerning";

constexpr std::string_view kRecordNouns =
    "talk session presentation lecture event speech panel class tutorial lesson item entry slot "
    "article document page "
    "record post paper keynote workshop activity appearance contribution slide demo meeting "
    "offering offer product "
    "presentation discussion course lab seminar";

constexpr std::string_view kPluralRecordNouns =
    "talks sessions presentations lectures events speeches panels classes tutorials lessons items "
    "entries slots "
    "articles documents pages records posts papers keynotes workshops activities appearances "
    "contributions demos "
    "meetings offerings products discussions courses seminars";

constexpr std::string_view kStructure =
    "program programme schedule agenda timetable conference lineup index catalog catalogue source "
    "sources "
    "scheduled planned listed announced "
    "speak speaks speaking spoke spoken talking talked talks present presents presenting presented "
    "deliver delivers "
    "delivering delivered host hosts hosting hosted hold holds held run runs running teach teaches "
    "teaching taught "
    "lead leads leading cover covers covering covered discuss discusses discussing discussed deal "
    "deals dealing "
    "feature features featuring featured explain explains explaining explained happen happens "
    "happening occur occurs "
    "place start starts starting started begin begins beginning end ends ending finish finishes "
    "finishing last lasts "
    "belong belongs belonging exist exists part involve involved involving appear appears "
    "available offer offers "
    "offered offering on-offer contain contains sit "
    "speaker speakers presenter presenters author authors room rooms location venue where time "
    "times day days date "
    "dates hour hours title titles topic track tracks audience level levels "
    "url urls link links website webpage "
    "come comes coming follow follows following meant aimed suitable intended targeted stand "
    "stands focus "
    "focuses focused concern concerns address addresses attend join go listen watch";

// Not function words: they matter for what is asked, but no corpus word is meant by them.
constexpr std::string_view kEveryday =
    "price prices cost costs pay fee fees ticket tickets pass passes badge badges register "
    "registration refund "
    "cancellation cancel policy policies discount student students member members membership money "
    "cheap expensive "
    "free dollar dollars euro euros "
    "park parking car cars garage bus train airport taxi shuttle bike drive map directions "
    "entrance address city street "
    "hotel hotels hostel stay book booking rate rates reservation rooms bed night nights "
    "wifi wireless network internet password passwords login account phone telephone number email "
    "mail contact "
    "twitter mastodon website web "
    "food lunch dinner breakfast coffee tea drink drinks catering snack snacks vegan vegetarian "
    "meal meals party "
    "parties dress code wear clothes shirt shirts tshirt weather rain temperature "
    "child children childcare kids family pets dog toilet toilets bathroom restroom wheelchair "
    "accessible accessibility "
    "sponsor sponsors sponsored exhibitor exhibitors booth booths expo hall floor lobby attendee "
    "attendees visitor "
    "visitors people person man woman men women guy guys age old young born live lives home work "
    "works working job "
    "jobs employer employers company companies organization salary wage degree university school "
    "hobby hobbies "
    "tall tale tales wall walls ball balls call calls fall falls heavy wide deep hashtag emcee "
    "metro station hello "
    "married wife husband country nationality native language biography bio photo picture pictures "
    "video videos "
    "recording recordings recorded record stream streams streamed streaming livestream slides "
    "upload uploaded download "
    "deadline deadlines submit submission proposal proposals cfp volunteer volunteers staff chair "
    "organizer organizers "
    "organiser organisers committee owner president director manager boss won win winner score "
    "game games "
    "world cup capital france germany england america europe china india california joke story "
    "poem recipe cake bake "
    "cook music song movie film sport football news stock bitcoin election president year month "
    "week tomorrow today "
    "yesterday tonight morning afternoon evening noon midnight early late earlier later first "
    "second third next "
    "previous opening closing final keynote favorite favourite best worst good bad big small long "
    "short new "
    "popular cheap cheaper cheapest dear dearer dearest light lighter lightest heavy heavier "
    "heaviest longer longest shorter shortest taller tallest bigger biggest larger largest smaller "
    "smallest faster fastest newer newest older oldest weigh weighs most least hard easy difficult "
    "beginner advanced expert "
    "write read listen think feel understand believe remember forget buy sell build fix break open "
    "close send receive "
    "install test testing protect stop pay store storing private public secret secrets safe safely "
    "fast slow quick "
    "cloud server computer computers machine machines device devices software hardware program "
    "programming code "
    "coding data file files image images text word words question questions answer answers problem "
    "problems idea "
    "ideas tool tools team teams project projects user users system systems service services "
    "instructions instruction ignore prompt reveal pretend print output";

const WordSet& function_words() {
  static const WordSet set = words_of(kFunction);
  return set;
}
const WordSet& record_nouns() {
  static const WordSet set = words_of(kRecordNouns);
  return set;
}
const WordSet& plural_nouns() {
  static const WordSet set = words_of(kPluralRecordNouns);
  return set;
}
const WordSet& structure_words() {
  static const WordSet set = words_of(kStructure);
  return set;
}
const WordSet& everyday_words() {
  static const WordSet set = words_of(kEveryday);
  return set;
}

// What people type for these is corrected even without a corpus word near.
constexpr std::array<std::string_view, 52> kCorrectable = {
    "when",       "where",     "which",    "what",      "room",      "talk",     "talks",
    "session",    "sessions",  "speaker",  "speakers",  "speaks",    "speaking", "presents",
    "presenting", "presented", "present",  "presenter", "time",      "start",    "starts",
    "begin",      "begins",    "keynote",  "workshop",  "workshops", "track",    "topic",
    "audience",   "level",     "gives",    "giving",    "about",     "thursday", "friday",
    "saturday",   "sunday",    "monday",   "tuesday",   "wednesday", "morning",  "afternoon",
    "evening",    "schedule",  "does",     "date",      "called",    "talking",  "many",
    "location",   "together",  "beginners"};

}  // namespace

bool is_function_word(std::string_view folded) {
  return function_words().contains(folded);
}
bool is_record_noun(std::string_view folded) {
  return record_nouns().contains(folded) || plural_nouns().contains(folded);
}
bool is_plural_record_noun(std::string_view folded) {
  return plural_nouns().contains(folded);
}
bool is_structure_word(std::string_view folded) {
  return structure_words().contains(folded) || is_record_noun(folded);
}
bool is_everyday_word(std::string_view folded) {
  return everyday_words().contains(folded);
}

std::string_view fixed_slip(std::string_view folded) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 22> kSlips = {
      {{"whos", "who"}, {"wich", "which"}, {"whch", "which"}, {"witch", "which"},
       {"wat", "what"}, {"waht", "what"},  {"wht", "what"},   {"wen", "when"},
       {"whn", "when"}, {"wehn", "when"},  {"wher", "where"}, {"were's", "where"},
       {"teh", "the"},  {"hte", "the"},    {"th", "the"},     {"adn", "and"},
       {"nad", "and"},  {"fro", "for"},    {"dose", "does"},  {"dos", "does"},
       {"si", "is"},    {"whre", "where"}}};
  for (const auto& [slip, word] : kSlips) {
    if (folded == slip) return word;
  }
  return {};
}

std::string_view nearest_question_word(std::string_view folded) {
  if (folded.size() < 4) return {};
  const std::size_t edits_max = folded.size() >= 8 ? 2 : 1;
  std::string_view best;
  std::size_t best_edits = edits_max + 1;
  for (const std::string_view word : kCorrectable) {
    if (word.size() < 4 || word[0] != folded[0]) continue;
    const std::size_t edits = edit_distance(folded, word, edits_max);
    if (edits < best_edits) {
      best = word;
      best_edits = edits;
    }
  }
  return best;
}

}  // namespace rage::rag
