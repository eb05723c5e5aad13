// Package price holds the dated price table of the Gemini models and computes what
// a call cost, in whole pico-dollars.
//
// What is not in the table is unknown, and never free: see [Table.Cost].
package price
