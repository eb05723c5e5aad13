// Command genbatch runs a table of rows through a Gemini model.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	spareMemory()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(run(os.Args, signals, os.Stdin, os.Stdout, os.Stderr))
}
