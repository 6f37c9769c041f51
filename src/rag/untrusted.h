// Retrieved text is data: what a reader would not see, what gives orders to an assistant, and what
// a chat template or a browser would act on is taken out of it. Pure, linear but for short scans.
#pragma once

#include <string>
#include <string_view>

namespace rage::rag {

// True if the text gives orders to whoever answers from it ("ignore all previous instructions",
// also in other languages, with look-alike letters, hidden signs, spaced, rot13, reversed or as
// base64): data, but never an answer.
bool is_instruction(std::string_view sentence);

// What a person reading the rendered page would see: without zero-width, bidirectional and tag
// characters, HTML comments, tags and scripts, hidden elements and images. A Markdown link keeps
// its text, and its address if that is http or https.
std::string visible_text(std::string_view text);

// Without the signs that a chat template reads ("<|im_end|>", "[INST]", "</s>", "System:" at the
// head of a line) and without the markers of our own data section.
std::string without_markers(std::string_view text);

// The visible text without the sentences that give orders, each run of them replaced by `left_out`.
// What follows a sign of a chat template is left out up to the next blank line.
std::string trusted_text(std::string_view text, std::string_view left_out);

// For the data section of a prompt: visible, without markers, "[…]" for each instruction.
std::string as_prompt_data(std::string_view text);

// For an answer: no image, tag or script that a client would load or run, no marker;
// the words stay.
std::string inert(std::string_view text);

// The address if it is http or https, else nothing.
std::string_view safe_url(std::string_view url);

}  // namespace rage::rag
