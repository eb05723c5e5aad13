// Package quota says when a request may be sent: requests and input tokens a
// minute, requests a day, and calls in flight, each for one model of one endpoint
// and key. What the user does not give is learned from the server's refusals.
//
// https://ai.google.dev/gemini-api/docs/rate-limits
package quota
