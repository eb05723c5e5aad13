// Package mutation proves that tests would notice a broken rule of durable files. One after
// another it takes away each sync, each check of a sum, a lock or a file, and the order of
// steps that matters, and runs the tests, which must fail.
//
// The code of the product has no switches for it: a mutant is built with the flag -overlay of
// the go command, which puts another text in the place of one file. The syncs are found in the
// code, so that a new one is a new mutant; the others are listed in mutants_test.go. What
// catches each is in docs/mutants.md:
//
//	GENBATCH_MUTANTS=all go test ./internal/mutation -v -timeout 2h          # all, and writes the page anew
//	GENBATCH_MUTANTS=missing go test ./internal/mutation -v -timeout 2h      # those that have no row there
//	GENBATCH_MUTANTS=journal.go go test ./internal/mutation -v -timeout 1h   # those whose name contains this
package mutation
