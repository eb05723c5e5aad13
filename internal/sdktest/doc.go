// Package sdktest holds tests in which Google's own Go SDK drives the simulator:
// what the SDK sends must be accepted, and what it gets must say what the SDK's
// types say. It is a module of its own, so that genbatch does not depend on the
// SDK.
package sdktest
