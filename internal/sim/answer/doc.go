// Package answer says what a simulated model says: it makes the answer of a request
// by plain rules, and puts it into the shape of a dialect. It knows no server.
package answer
