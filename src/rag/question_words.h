// The closed word lists that reading a question rests on. All lower case, folded.
#pragma once

#include <string_view>

namespace rage::rag {

// Articles, pronouns, auxiliaries, prepositions, politeness: no content of their own.
bool is_function_word(std::string_view folded);
// Nouns for "a record" and verbs for "there is one": talk, session, article, present, take place.
bool is_structure_word(std::string_view folded);
// Nouns for a record, singular or plural: talk, sessions, product.
bool is_record_noun(std::string_view folded);
bool is_plural_record_noun(std::string_view folded);
// Everyday English that must never be "corrected" into a word of the corpus: parking is not
// packing.
bool is_everyday_word(std::string_view folded);
// "who" of "whos"; empty if the word is no common slip of a question word.
std::string_view fixed_slip(std::string_view folded);
// The word of the question vocabulary that a mistyped word stands for; empty if none.
std::string_view nearest_question_word(std::string_view folded);

}  // namespace rage::rag
