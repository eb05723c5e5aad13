// Package journal keeps the results of a job on disk. It is the only truth about
// what has been answered and paid for; outputs, summaries and the index in memory
// are derived from it.
//
// # The commit point
//
// A result counts once [Journal.Write] has returned: its line, and before that its
// blob if it has one, are on the disk. A crash before then costs the answers that
// were in that call at most; many of them are found again even so.
//
// # The files
//
//	results-000001.jsonl   segments: one JSON object a line, only ever appended to
//	results-000002.jsonl   the next one, begun when the one before reaches 256 MiB
//	blobs/<sha256>         answers over 1 MiB, named by the SHA-256 of their bytes
//	results-p1-000001.jsonl   in place of these, after the journal was pruned once
//	torn-results-000002-<offset>.bin   what was cut from the end of a segment
//
// Numbers of segments rise by one; their lines, in that order, are the journal. The
// first line of a segment is its header, with the seq of the first result in it:
//
//	{"format":"genbatch-journal","version":1,"first_seq":1,"crc32c":"e28c3588"}
//
// Every other line is a [batch.Result]:
//
//	{"seq":1,"fingerprint":"<32 hex digits>","occurrence":0,"status":"ok","row":1,...,
//	 "response":{...},"crc32c":"1a2b3c4d"}
//
// (on one line). seq, fingerprint, occurrence and status always come first and in
// this order, response second to last; an answer that stands in a blob has
// "blob":"<sha256>" in its place. seq counts from 1 without gaps. Every line ends
// in crc32c: the CRC-32C (Castagnoli) of the bytes before the comma that precedes
// it, as 8 hexadecimal digits. So
//
//	jq -c 'select(.seq) | [.row, .status, .response.modelVersion]' results-*.jsonl
//
// reads a journal, also while it grows, when the last line may be unfinished.
//
// A row is named by fingerprint and occurrence. Where a name comes twice the later
// result counts, unless the earlier one is settled and the later is not.
//
// # Pruning
//
// [Journal.Prune] leaves results out. Those that stay keep their lines, byte for
// byte, and their seq; in place of those that go there is a line that says which they
// were, so that nothing else can be missing without being noticed:
//
//	{"pruned_from":5,"pruned_to":9,"crc32c":"1a2b3c4d"}
//
// The lines are written to new segments, a generation, whose names say how often the
// journal has been pruned. All segments of the generation but its first are written,
// synced and named; then the first, synced before, gets its name by a rename, and the
// folder is synced. That rename is the switch: the generation that counts is the last
// one whose first segment is there. A crash before it leaves segments that do not
// count, a crash after it the old ones, which count no more. Either is removed when
// the journal is next opened for writing, blobs that no line refers to first: that is
// how a pruning without a crash ends as well. While the old segments are being read by
// another process, they stay readable to it where the system keeps open files.
//
// # Recovery
//
// [Open] reads every line and checks its sum. What follows the last good line is the
// trace of a crash: it is kept aside in a torn file and cut, so that the next write
// begins on a new line, through the same code as any other. A line or a blob that
// does not match its sum elsewhere is damage: it stays where it is, is reported with
// its place, and its row counts as not settled. The lines around it are read.
package journal
