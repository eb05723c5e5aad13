package args

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
)

// This file reads the flags that choose rows.

// sampledRows is how many rows are shown of a job if none are chosen.
const sampledRows = 3

// Selection returns the rows that the flags of show choose.
func Selection(c *cli.Context) (s jobs.Selection, err error) {
	for _, name := range []string{"sample", "limit"} {
		if c.IsSet(name) && c.Int(name) < 1 {
			return s, &jobs.SpecError{Err: fmt.Errorf("--%s is %d", name, c.Int(name)), Hint: "write how many rows to show, 1 or more"}
		}
	}
	s = jobs.Selection{
		Keys: c.StringSlice("key"), Labels: c.StringSlice("label"), Where: c.StringSlice("where"),
		Sample: c.Int("sample"), Limit: c.Int("limit"),
	}
	for _, text := range CommaSeparated(c.StringSlice("row")) {
		r, err := parseRows(text)
		if err != nil {
			return s, err
		}
		s.Rows = append(s.Rows, r)
	}
	if s.Status, err = Statuses(c); err != nil {
		return s, err
	}
	if len(s.Rows)+len(s.Keys)+len(s.Labels)+len(s.Where)+len(s.Status)+s.Sample+s.Limit == 0 {
		s.Sample = sampledRows
	}
	return s, nil
}

// parseRows reads the number of a row, or a range of them.
func parseRows(text string) (r jobs.RowRange, err error) {
	first, last, isRange := strings.Cut(strings.TrimSpace(text), "-")
	if !isRange {
		last = first
	}
	r.First, err = strconv.ParseInt(first, 10, 64)
	if err == nil {
		r.Last, err = strconv.ParseInt(last, 10, 64)
	}
	switch {
	case err != nil:
		return r, &jobs.SpecError{Err: fmt.Errorf("--row %s is no number of a row", message.OneLine(text, 80)), Hint: "write a number, such as 12, or a range, such as 10-20; --key finds a row by its key"}
	case r.First < 1 || r.Last < 1:
		return r, &jobs.SpecError{Err: fmt.Errorf("--row is %s", text), Hint: "rows count from 1"}
	case r.Last < r.First:
		return r, &jobs.SpecError{Err: fmt.Errorf("--row %s ends before it begins", text), Hint: fmt.Sprintf("write %d-%d", r.Last, r.First)}
	}
	return r, nil
}

// Statuses returns the statuses that --status names.
func Statuses(c *cli.Context) (statuses []batch.Status, err error) {
	for _, name := range CommaSeparated(c.StringSlice("status")) {
		status := batch.Status(name)
		switch {
		case name == "":
		case slices.Contains(batch.Statuses, status):
			statuses = append(statuses, status)
		default:
			return nil, &jobs.SpecError{Err: fmt.Errorf("there is no status %q", name), Hint: "use one of " + message.List(batch.Statuses)}
		}
	}
	return statuses, nil
}

// CommaSeparated splits values whose items cannot hold a comma, such as statuses.
func CommaSeparated(values []string) (items []string) {
	for _, v := range values {
		for item := range strings.SplitSeq(v, ",") {
			items = append(items, strings.TrimSpace(item))
		}
	}
	return items
}
