// Package price holds the dated price table of the Gemini models, and computes what a
// call cost in whole pico-dollars.
//
// A price that is not in the table is unknown. It is never taken to be 0; see
// [Table.Cost].
package price
