package main

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/genbatch/genbatch/batch/price"
	"github.com/genbatch/genbatch/internal/message"
	"github.com/genbatch/genbatch/jobs"
	"github.com/genbatch/genbatch/jobs/report"
)

func pricesCommand(con *console) *cli.Command {
	return &cli.Command{
		Name:      "prices",
		Usage:     "print the price table in force, with dates and sources",
		ArgsUsage: "[MODEL]",
		Category:  commandsKnow,
		Description: "Prices are in USD per million tokens. Gateways charge their own: what is shown here is\n" +
			"Google's list price, except for what --prices FILE says. Its format is in docs/prices.md.\n\n" +
			"genbatch prices\n\n" +
			"genbatch prices gemini-3.5-flash-lite",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "prices", Usage: "`FILE` of prices that count before the built-in ones", EnvVars: env("prices")},
			&cli.BoolFlag{Name: "all", Usage: "also models that have no price today"},
		},
		Action: func(c *cli.Context) error {
			table := price.Default()
			if file := c.String("prices"); file != "" {
				var err error
				if table, err = price.LoadFile(file); err != nil {
					return &jobs.SpecError{Err: err} // the error says what to do
				}
			}
			now := time.Now()
			if name := c.Args().First(); name != "" {
				e, ok := table.Lookup(name, now)
				if !ok {
					hint := "genbatch prices lists the models; --prices FILE adds your own"
					if meant := table.Nearest(name); meant != "" {
						hint = "did you mean " + meant + "? " + hint
					}
					return &jobs.SpecError{Err: fmt.Errorf("no price is known for %q", message.OneLine(name, 60)), Hint: hint}
				}
				fmt.Fprint(con.text, report.ModelPrice{Entry: &e})
				return nil
			}
			fmt.Fprint(con.text, report.Prices{Table: table, At: now, File: c.String("prices"), All: c.Bool("all")})
			return nil
		},
	}
}
