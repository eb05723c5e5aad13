// Package history keeps how runs went: a [Recorder] takes a sample every second, has the
// samples at hand for a display, and writes them to a file from which [Read] has the runs.
//
// # The file
//
// A line of JSON begins each run, and a line for each sample follows:
//
//	{"type":"run","schema":1,"begin":"2026-11-29T18:00:00.000Z","model":"…","endpoint":"…"}
//	{"seq":1,"at":"2026-11-29T18:00:01.000Z","elapsed_s":1,"rows":17,…}
//
// An empty line stands between runs, which also ends a line that a crash has cut. Lines that
// cannot be read are passed over, and so are runs of another schema.
//
// The file is a cache: nothing depends on it. It is not synced, and what cannot be written is
// said once and left out. The Recorder writes it in a goroutine of its own, so that a disk that
// hangs does not hold up the run.
//
// # How much it keeps
//
// When a run has [Most] samples, every second one is dropped, and from then on they are
// taken at twice the distance. So an hour has a sample every two seconds, and a week one every
// nine minutes. The file keeps the finer samples until it is rewritten: a run that finds it
// above 2 MiB keeps the last runs, as many as fit into half of that.
package history
