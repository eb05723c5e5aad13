package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/cmd/genbatch/internal/args"
	"github.com/genbatch/genbatch/jobs"
)

// rowsPerCall is the value of --rows-per-call: a number, or for a plan several. It implements
// [cli.Generic].
type rowsPerCall []int

func (v *rowsPerCall) Set(text string) error {
	*v = nil
	for _, word := range args.CommaSeparated([]string{text}) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return errors.New("want a number of rows, such as 25")
		}
		*v = append(*v, n)
	}
	if len(*v) == 0 {
		return errors.New("want a number of rows, such as 25")
	}
	return nil
}

// Hint says what to write in the place of what is none.
func (v *rowsPerCall) Hint() string {
	return "write a whole number from 1 on, such as 10; genbatch plan also takes several, such as 1,10,25"
}

func (v *rowsPerCall) String() string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(*v), " ", ","), "[]")
}

// waysOf returns the numbers of --rows-per-call; nil if it is not given.
func waysOf(c *cli.Context) []int {
	v, ok := c.Generic("rows-per-call").(*rowsPerCall)
	if !ok || !c.IsSet("rows-per-call") {
		return nil
	}
	return *v
}

// waysToCompare returns the numbers of rows a call that a plan is to compare: none if just one is
// given, which is how the job is run.
func waysToCompare(c *cli.Context) []int {
	if ways := waysOf(c); len(ways) > 1 {
		return ways
	}
	return nil
}

// refuseWays refuses several numbers of rows a call for what runs in one way.
func refuseWays(c *cli.Context) error {
	if ways := waysToCompare(c); ways != nil {
		return &jobs.SpecError{
			Err:  fmt.Errorf("--rows-per-call names %d ways to run the job, and a run takes one", len(ways)),
			Hint: "genbatch plan --pilot 200 with the same flags shows what each of them costs",
		}
	}
	return nil
}
