// Package remote tells other processes how a run is, and lets them steer it: over HTTP, by a
// socket in the job's state folder.
//
// The process that runs a job has a [Local] of it, and serves that with [Serve]. Another process
// finds the run by the state folder with [Dial], and has a [Client]. Both are a [Controller], so
// that a page or a command need not know in which process the run is. All of them speak of one
// [State]. Its JSON, and the paths that [Handler] serves, are described in docs/control.md.
//
// Only the user of the run can open the socket, which has mode 0600. There is no other lock on it,
// and nothing listens on the network.
package remote
