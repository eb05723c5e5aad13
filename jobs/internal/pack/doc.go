// Package pack has several rows share one call without sharing an identity. A [Packer] makes
// packs of the requests of single rows: calls that hold the texts of several rows, each with an
// id. The model that it lays around another one takes the answer of a pack apart, so that
// each row has its own outcome. [Parse] reads a row's own answer out of the one that the rows
// of a pack share.
//
// A pack is made of the requests alone. Rows can share a call if their requests differ in
// nothing but the text of the last turn: they have the same instructions, labels, examples,
// schema and settings. So a row that sets anything for itself, or brings media, is asked by
// itself. Whoever is left alone in a pack is asked with the row's own request as it stands.
//
// Faults stay with the row that they belong to. A row that the answer leaves out, has twice, or
// answers in a way that fails the job's checks is asked again alone. A call that is blocked, cut
// or refused as a whole is halved, until the row that is the cause stands alone.
package pack
