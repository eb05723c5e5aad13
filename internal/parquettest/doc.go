// Package parquettest holds tests in which Apache's own Go implementation of Parquet writes
// files for our reader, and reads what our writer writes.
//
// It is a module of its own, so that the product does not depend on that implementation.
package parquettest
