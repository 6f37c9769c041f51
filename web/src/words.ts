// Which words of a source support a sentence. Pure.

export interface Piece {
  readonly text: string;
  readonly marked: boolean;
}

// Too common to support anything.
const COMMON = new Set(
  ("a an and are as at be by can for from has have how i in is it its not of on or that the their there these " +
    "they this to was were what when where which who will with you your").split(" "),
);
const WORD = /[\p{L}\p{N}]+(?:[.:'’-][\p{L}\p{N}]+)*/gu;

/** `source` in pieces; those words marked that the sentence says too. */
export function supportingPieces(sentence: string, source: string): Piece[] {
  const said = new Set(wordsOf(sentence.replace(/\[\d{1,3}\]/g, " ")));
  const pieces: Piece[] = [];
  let at = 0;
  for (const match of source.matchAll(WORD)) {
    const begin = match.index ?? 0;
    const word = match[0] ?? "";
    if (!said.has(word.toLowerCase())) continue;
    // Marked words that only a space parts are one mark.
    const between = source.slice(at, begin);
    const last = pieces[pieces.length - 1];
    if (last?.marked && /^[\s,]{1,2}$/.test(between)) {
      pieces[pieces.length - 1] = { text: last.text + between + word, marked: true };
    } else {
      if (between) pieces.push({ text: between, marked: false });
      pieces.push({ text: word, marked: true });
    }
    at = begin + word.length;
  }
  if (at < source.length) pieces.push({ text: source.slice(at), marked: false });
  return pieces;
}

/** `source` in pieces; those marked that `spans` name, in Unicode code points. */
export function spanPieces(spans: ReadonlyArray<{ start: number; end: number }>, source: string): Piece[] {
  const points = [...source];
  const pieces: Piece[] = [];
  const add = (text: string, marked: boolean): void => {
    if (text !== "") pieces.push({ text, marked });
  };
  let at = 0;
  for (const { start, end } of [...spans].sort((a, b) => a.start - b.start)) {
    if (end <= at || start >= points.length) continue;
    const begin = Math.max(at, start);
    add(points.slice(at, begin).join(""), false);
    add(points.slice(begin, end).join(""), true);
    at = Math.min(end, points.length);
  }
  add(points.slice(at).join(""), false);
  return pieces;
}

function wordsOf(text: string): string[] {
  return [...text.matchAll(WORD)].map((match) => (match[0] ?? "").toLowerCase()).filter((word) => !COMMON.has(word));
}
