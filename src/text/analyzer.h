// Text to index terms for BM25: words as in UAX 29, case folded (NFKC_Casefold), accents removed,
// English stop words dropped, Snowball English stemming. Rows and questions become the same terms.
//
//   "running Cafés"        run, cafe
//   "phi-4-mini"           phi, 4, mini, phi4mini    the parts and the joined form, so that
//   spellings meet "TLS1.3"               tls1, tls, 1, 3, tls13    letters followed by a number
//   also come apart "C++" "C#"             c++, c#                   other single letters are
//   dropped "Smith's" "O'Brien"    smith; o'brien, obrien "東京都"                東京, 京都 Han,
//   kana, Hangul: pairs; one alone as it is "ภาษาไทย"              ภาษา, ไทย                 Thai,
//   Lao, Khmer, Burmese: ICU's dictionaries
//
// Words of more than 64 bytes are data (hashes, base64) and vanish.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace rage::text {

// In order, duplicates kept. Thread-safe. Invalid UTF-8 is read as U+FFFD; never fails. Linear
// time.
std::vector<std::string> analyze(std::string_view text);

// The terms to search for: as analyze(), without auxiliary verbs ("can", "should"; "CAN" is a
// name), which ask and say nothing of what is asked for. A question of nothing else keeps them.
std::vector<std::string> analyze_question(std::string_view text);

// Case and accents folded ("Résumés" -> "resumes", "ß" -> "ss"), nothing else: for comparing names.
std::string fold(std::string_view text);

// The stem of one already folded English word; what is not made of a to z comes back as it is.
std::string stem(std::string_view folded_word);

bool is_stop_word(std::string_view folded_word);

}  // namespace rage::text
