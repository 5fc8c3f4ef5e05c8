package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/alecthomas/kong"
)

// Exit codes (CONTRACTS section 1).
const (
	exitFine  = 0
	exitFails = 1
	exitUsage = 2
)

// verbs are what the command can do, in the order of its help.
type verbs struct {
	Run     runVerb     `cmd:"" help:"Run the whole system on this machine."`
	Check   checkVerb   `cmd:"" help:"Check a catalog folder against itself."`
	Publish publishVerb `cmd:"" help:"Check a catalog folder and make it live."`
	Explain explainVerb `cmd:"" help:"Tell why somebody got a mail, or did not."`
	Export  exportVerb  `cmd:"" help:"Print everything that is stored of one person."`
	Erase   eraseVerb   `cmd:"" help:"Forget one person."`
	Faults  faultsVerb  `cmd:"" help:"List what could not be worked, or try it again."`
	Tail    tailVerb    `cmd:"" help:"Follow what is decided."`
	Doctor  doctorVerb  `cmd:"" help:"Find what keeps Kesher from working, and the cure."`
}

// session is one call of the command.
type session struct {
	context.Context
	in       io.Reader
	out, err io.Writer
}

// usageError: the command was called wrongly.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errFails: what was asked about fails, and that has been printed.
var errFails = errors.New("fails")

// exited carries an exit code out of kong, which prints help and expects the
// process to end there.
type exited int

// command parses and carries out one call, and returns the exit code.
func command(ctx context.Context, args []string, in io.Reader, out, diag io.Writer) (code int) {
	defer func() {
		if p := recover(); p != nil {
			c, ok := p.(exited)
			if !ok {
				panic(p)
			}
			code = int(c)
		}
	}()
	var v verbs
	parser, err := kong.New(&v,
		kong.Name("kesher"),
		kong.Description("Marketing automation on data that customers agreed to share."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Writers(out, diag), kong.Exit(func(c int) { panic(exited(c)) }),
	)
	if err != nil {
		panic(err) // the declarations above are at fault
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		fmt.Fprintf(diag, "kesher: %v (see %s --help)\n", err, verbOf(err))
		return exitUsage
	}
	return exitOf(parsed.Run(&session{ctx, in, out, diag}), diag)
}

// verbOf is how far the words of a wrong call made sense.
func verbOf(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context.Selected() != nil {
		return wrong.Context.Selected().FullPath()
	}
	return "kesher"
}

// exitOf prints an error, unless that has been done, and says how to exit.
func exitOf(err error, diag io.Writer) int {
	var usage usageError
	switch {
	case err == nil:
		return exitFine
	case errors.Is(err, errFails):
		return exitFails
	case errors.As(err, &usage):
		fmt.Fprintf(diag, "kesher: %v\n", err)
		return exitUsage
	}
	fmt.Fprintf(diag, "kesher: %v\n", err)
	return exitFails
}

// example is the end of a verb's help.
func example(lines ...string) string {
	text := "Example:"
	for _, l := range lines {
		text += "\n  " + l
	}
	return text
}

// print writes data as JSON on one line.
func (s *session) print(v any) error {
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(v)
}
