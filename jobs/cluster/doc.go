// Package cluster runs a job on several machines, over NATS JetStream.
//
// One process serves the job, with [Serve]: it divides the input into shards, collects what is answered into
// the shards' journals, and in the end merges them. Any number of workers, which come and go as
// they like, each run [Work]: they claim a shard and run the ordinary engine over its rows. A
// [Control] steers all of them. A job in the tier batch is not divided: one process takes its place
// with [Hold], and runs it.
//
// A paid answer is never only in the servers. A worker writes it to its spool, a journal of its
// own, and syncs it; then it sends it. It removes the spool only when the collector has said
// that it has all of it on its own disk. What a stream has acknowledged counts for nothing.
//
// Who may ask the rows of a shard is decided by its claim: a record that is changed in one step,
// and renewed again and again. A claim that was not renewed for as long as a lease lasts may be
// taken over. Its holder stops sending before that, since it knows when it last renewed it, and
// whoever takes it over has watched it for that long: an outage of the servers, during which
// nobody can renew anything, gives nothing away.
package cluster
