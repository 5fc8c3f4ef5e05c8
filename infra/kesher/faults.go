package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/kesher-io/kesher/shared/console"
)

// faultsVerb is `kesher faults`.
type faultsVerb struct {
	List  faultsListVerb  `cmd:"" default:"withargs" help:"List what could not be worked (this is the default)."`
	Retry faultsRetryVerb `cmd:"" help:"Send it to be worked once more."`
}

// Help ends the help of both.
func (faultsVerb) Help() string { return example("kesher faults", "kesher faults retry all") }

// faultsListVerb is `kesher faults list`.
type faultsListVerb struct {
	target
	output
}

// Help ends the verb's help.
func (faultsListVerb) Help() string {
	return "Faults are records that could not be worked and were set aside, so that others go on; payloads are what outlived every attempt and is kept for 7 days.\n\n" +
		example("kesher faults", "kesher faults --target aws:prod --json")
}

// Run prints the list.
func (v *faultsListVerb) Run(s *session) error {
	answer, err := v.ask(s, "/admin/v1/faults", nil)
	if err != nil {
		return err
	}
	if v.JSON {
		_, err := fmt.Fprintf(s.out, "%s\n", answer)
		return err
	}
	var list console.FaultList
	if err := json.Unmarshal(answer, &list); err != nil {
		return err
	}
	if len(list.Faults)+len(list.Failures) == 0 {
		fmt.Fprintln(s.err, "kesher: there are no faults")
		return nil
	}
	w := tabwriter.NewWriter(s.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "KEY\tAT (UTC)\tITEM\tWORKED BY\tTRIES\tREASON")
	for _, f := range list.Faults {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", f.Key, f.At.Format("2006-01-02 15:04"), f.Item, f.Consumer, f.Tries, f.Reason)
	}
	for _, f := range list.Failures {
		fmt.Fprintf(w, "%s\t%s\tpayload\t\t\toutlived every attempt\n", f.Name, f.At.Format("2006-01-02 15:04"))
	}
	return w.Flush()
}

// faultsRetryVerb is `kesher faults retry`.
type faultsRetryVerb struct {
	Key string `arg:"" help:"A key that the list shows, or all."`
	target
	output
}

// Help ends the verb's help.
func (faultsRetryVerb) Help() string {
	return "When the cause is gone. What fails again is listed again.\n\n" +
		example("kesher faults retry all", "kesher faults retry k3v7q2mzx4hd5rwa --target aws:prod")
}

// Run retries and tells how many.
func (v *faultsRetryVerb) Run(s *session) error {
	answer, err := v.ask(s, "/admin/v1/faults/retry", map[string]string{"key": v.Key})
	if err != nil {
		return err
	}
	if v.JSON {
		_, err := fmt.Fprintf(s.out, "%s\n", answer)
		return err
	}
	var done console.Retried
	if err := json.Unmarshal(answer, &done); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "%d sent to be worked once more, %d are gone\n", done.Retried, done.Gone)
	return nil
}
