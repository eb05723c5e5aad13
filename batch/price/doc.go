// Package price holds the dated price table of the Gemini models, and computes what a
// call cost in whole pico-dollars.
//
// [Default] is the table that is built in, and [LoadFile] reads one of the user's own. Then
// [Table.Cost] computes what a [Query] costs, and [Table.Lookup] tells the prices of a model.
//
// A price that is not in the table is unknown. It is never taken to be 0; see
// [Table.Cost].
package price
