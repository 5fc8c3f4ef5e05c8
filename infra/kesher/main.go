// Command kesher runs the whole system on one machine, checks and publishes
// catalogs, and asks a running stage about its customers and its health. It reads
// flags and environment, calls one thing and prints: data on stdout, diagnostics
// on stderr; the exit code is 0 when all is well, 1 when the thing asked about
// fails, 2 for wrong usage. It decides nothing.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	_ "time/tzdata" // zones of customers, whatever the machine has
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := command(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
