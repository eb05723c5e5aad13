// Command genbatch runs a table of rows through a Gemini model.
package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	spareMemory()
	registerStores()
	os.Exit(run(os.Args, hearSignals(), os.Stdin, os.Stdout, os.Stderr))
}

// hearSignals returns the signals that end a command. A terminal that is closed (SIGHUP)
// ends it as Ctrl-C does, unless it was started with nohup. A reader that has gone away, such
// as head, ends nothing: a run would lose the answers that are under way, and they are paid
// for.
func hearSignals() <-chan os.Signal {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(signals, syscall.SIGHUP)
	}
	signal.Ignore(syscall.SIGPIPE)
	return signals
}
