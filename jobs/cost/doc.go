// Package cost adds up what attempts used and cost, and prices a single attempt. Every
// command that names an amount gets it here, so that plan, cap, progress, summary and
// output never disagree. Amounts are whole pico-dollars; see [price.USD].
//
// # Totals
//
// [Totals] add up the results of rows: tokens and cost by model, rows by status, labels and
// problems. Their [Bill] divides the same cost by endpoint, status, service tier and part of
// the price. Every division adds up to the whole.
//
// # One attempt
//
// An attempt is a [batch.Spend], which was billed or may have been, and the model that was
// asked. A plan or a cap asks with a Spend of an attempt that is still to be made.
//
//   - [Of] returns what an attempt cost that reported its usage.
//   - [Most] returns the most that an attempt can cost, or can have cost.
//   - [Known] reports whether a model has a price at all, and [UnknownPrice] is the error
//     that says it has none.
//   - [BilledModel] tells whose price counts where another model answers than was asked.
//   - [OutputLimit] returns the longest answer of a model, in tokens.
//
// An unknown price is never taken to be 0. What cannot be priced is counted, and shown
// beside the amount.
package cost
