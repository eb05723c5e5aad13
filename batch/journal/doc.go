// Package journal keeps the results of a job on disk. It alone decides what has been
// answered and paid for: outputs, summaries and the index in memory are derived from it.
//
// [Open] opens the journal of a folder. [Journal.Write] keeps results, [Journal.Lookup] finds
// the one that counts for a row, and [Journal.All] ranges over all of them.
//
// # The commit point
//
// A result counts once [Journal.Write] has returned. Its line is then on the disk, and so
// is its blob if it has one. A crash before that costs at most the answers of that call;
// many of them are found again even so.
//
// # The files
//
//	results-000001.jsonl   a segment: one JSON object per line, only ever appended to
//	results-000002.jsonl   the next one, begun when the one before reaches 256 MiB
//	blobs/<sha256>         answers over 1 MiB, named by the SHA-256 of their bytes
//	results-p1-000001.jsonl   a segment after the journal was pruned once
//	torn-results-000002-<offset>.bin   what was cut off the end of a segment
//
// The numbers of segments rise by one. The lines of all segments, in that order, are the
// journal. The first line of a segment is its header, with the seq of its first result:
//
//	{"format":"genbatch-journal","version":1,"first_seq":1,"crc32c":"e28c3588"}
//
// Nearly every other line is a [batch.Result]:
//
//	{"seq":1,"fingerprint":"<32 hex digits>","occurrence":0,"status":"ok","row":1,...,
//	 "response":{...},"crc32c":"1a2b3c4d"}
//
// (on one line). seq, fingerprint, occurrence and status always come first and in this
// order; response comes second to last. If the answer stands in a blob, the line has
// "blob":"<sha256>" in place of response. seq counts from 1 without gaps. Every line ends
// in crc32c: the CRC-32C (Castagnoli) of all bytes before the comma in front of crc32c,
// as 8 hexadecimal digits. So
//
//	jq -c 'select(.seq) | [.row, .status, .response.modelVersion]' results-*.jsonl
//
// reads a journal. It can do so while the journal grows, when the last line may be
// unfinished.
//
// Rows that have shared a call share its answer, which is kept once, in a line of its own
// before theirs:
//
//	{"answer":"<32 hex digits>","response":{...},"crc32c":"1a2b3c4d"}
//
// Its name is the first half of the SHA-256 of the answer's bytes. If the answer is long, the
// line has blob in place of response. The line of each of the rows has "part":"bcd", which
// names the row's part of the answer, and "answer":"<32 hex digits>" in place of response. So
//
//	jq -cn 'foreach inputs as $line ({};
//	    if $line.format then {} elif $line.seq then . else .[$line.answer // ""] = $line.response end;
//	    if $line.seq then $line + {response: ($line.response // .[$line.answer // ""])} else empty end
//	  )' results-*.jsonl
//
// gives each row its whole answer, and in DuckDB a join by answer does so, as in
// examples/duckdb/journal.sql. Each segment has the answers of its results, so that an answer
// may be written again in the next one. This is no new version of the format. A genbatch that
// does not know such lines finds one that is no result, and refuses the journal without
// changing it.
//
// Fingerprint and occurrence identify a row. If a row has several results, the last one
// counts, unless an earlier one is settled and the last one is not.
//
// # Pruning
//
// [Journal.Prune] leaves results out. The other results keep their seq and their lines,
// byte for byte. A line in place of the removed ones says which they were, so that
// nothing else can be missing unnoticed:
//
//	{"pruned_from":5,"pruned_to":9,"crc32c":"1a2b3c4d"}
//
// An answer that rows share stays until the last of them is pruned.
//
// Pruning writes the lines to new segments, which together are a generation. Their names
// say how often the journal has been pruned. First all segments of the generation except
// the first one are written, synced and given their names. Then the first one, which has
// been synced too, gets its name by a rename, and the folder is synced. That rename is
// the switch: the generation that counts is the last one whose first segment exists.
//
// A crash before the switch leaves new segments that do not count. A crash after it
// leaves the old ones, which no longer count. Opening the journal for writing removes
// either, but first the blobs to which no line refers. A pruning without a crash ends in
// the same way. If another process is reading the old segments, it can go on reading
// them on systems that keep removed files until they are closed.
//
// # Recovery
//
// [Open] reads every line and checks its sum. What follows the last good line is the
// trace of a crash. Open copies it to a torn file and cuts it off, so that the next write
// begins on a new line, through the same code as any other write. Any other line or blob
// that does not match its sum is damage. It stays where it is and is reported with its
// place, its row counts as not settled, and the lines around it are read. If it is an answer
// that rows share, each of these rows is reported with its place, too. Since an answer is named
// by its content, no row can get that of another one.
package journal
