// Package objectpeer holds tests in which the drivers of object stores meet stores that others
// made, the client libraries of the stores' makers, and a network that fails. It is a module of
// its own, so that genbatch does not depend on them.
package objectpeer
