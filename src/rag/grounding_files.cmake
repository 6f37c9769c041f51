set(GROUNDING_HEADERS
  grounding.h grounding_tokens.h grounding_prompt.h facts.h amount.h quantities.h units.h corpus.h untrusted.h
  question.h question_fields.h question_parser.h question_words.h question_select.h question_selector.h question_passage.h question_history.h
  compose.h composer.h compose_prose.h compose_words.h plan_trace.h plan_unchecked.h question_sentences.h sufficiency.h
  verify.h verify_sentence.h verify_cut.h verify_split.h source_spans.h chunk_places.h answer_grammar.h)
set(GROUNDING_SOURCES
  grounding.cc grounding_mode.cc grounding_tokens.cc grounding_prompt.cc facts.cc facts_calendar.cc amount.cc quantities.cc units.cc
  corpus.cc corpus_schema.cc untrusted.cc untrusted_instructions.cc
  question.cc question_when.cc question_names.cc question_intent.cc question_words.cc
  question_typos.cc question_titles.cc question_fields.cc
  question_cover.cc question_select.cc question_compare.cc question_single.cc question_sentences.cc question_passage.cc question_history.cc
  plan_trace.cc plan_unchecked.cc sufficiency.cc compose.cc compose_record.cc compose_compare.cc compose_prose.cc compose_words.cc
  verify.cc verify_cut.cc verify_sentence.cc verify_slots.cc verify_source.cc verify_split.cc verify_stream.cc
  source_spans.cc chunk_places.cc answer_grammar.cc)
set(GROUNDING_TESTS
  grounding_tokens_test.cc facts_test.cc amount_test.cc quantities_test.cc corpus_test.cc untrusted_test.cc
  question_test.cc question_fields_test.cc grounding_test.cc verify_test.cc verify_cut_test.cc perturb_test.cc injection_test.cc
  grounding_modes_test.cc grounding_eval_test.cc source_spans_test.cc answer_grammar_test.cc)
set(GROUNDING_FUZZ facts_fuzz.cc question_fuzz.cc verify_fuzz.cc spans_fuzz.cc)
