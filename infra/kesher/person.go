package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/explain"
)

// explainVerb is `kesher explain`.
type explainVerb struct {
	User  string `arg:"" help:"The userId."`
	About string `arg:"" optional:"" name:"journey|message" help:"A journey or a message id: only what concerns it."`
	target
	output
}

// Help ends the verb's help.
func (explainVerb) Help() string {
	return "Tells from what was recorded when it was decided. Where no run ever began, the entry is decided again by what is known today, and marked so.\n\n" +
		example("kesher explain dana", "kesher explain dana cart-abandonment --json")
}

// Run prints the story.
func (v *explainVerb) Run(s *session) error {
	answer, err := v.ask(s, "/admin/v1/explain", map[string]string{"userId": v.User, "about": v.About})
	if err != nil {
		return err
	}
	if v.JSON {
		_, err := fmt.Fprintf(s.out, "%s\n", answer)
		return err
	}
	var lines []explain.Line
	if err := json.Unmarshal(answer, &lines); err != nil {
		return err
	}
	if len(lines) == 0 {
		fmt.Fprintln(s.err, "kesher: nothing has been decided about this person yet")
	}
	_, err = fmt.Fprint(s.out, explain.Text(lines))
	return err
}

// ask makes one call and lets the target go.
func (t *target) ask(s *session, path string, body any) (json.RawMessage, error) {
	c, err := t.connect(s, "")
	if err != nil {
		return nil, err
	}
	method := http.MethodPost
	if body == nil {
		method = http.MethodGet
	}
	answer, err := c.call(s, method, path, body)
	return answer, errors.Join(err, c.close())
}

// exportVerb is `kesher export`.
type exportVerb struct {
	User string `arg:"" help:"The userId."`
	target
	output
}

// Help ends the verb's help.
func (exportVerb) Help() string {
	return "The export is JSON, always: profile with the origin of each trait, every stored item, the history of consent.\n\n" +
		example("kesher export dana > dana.json")
}

// Run prints the export, indented unless a program reads it.
func (v *exportVerb) Run(s *session) error {
	answer, err := v.ask(s, "/admin/v1/export", map[string]string{"userId": v.User})
	if err != nil || v.JSON {
		if err == nil {
			_, err = fmt.Fprintf(s.out, "%s\n", answer)
		}
		return err
	}
	encoder := json.NewEncoder(s.out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(answer)
}

// eraseVerb is `kesher erase`.
type eraseVerb struct {
	User string `arg:"" help:"The userId."`
	Yes  bool   `help:"Do not ask."`
	target
	output
}

// Help ends the verb's help.
func (eraseVerb) Help() string {
	return "This can't be undone. The receipt says what was deleted, what is kept and why, and by when the rest is gone.\n\n" +
		example("kesher erase dana", "kesher erase dana --yes --json > receipt.json")
}

// Run asks, erases and prints the receipt.
func (v *eraseVerb) Run(s *session) error {
	if !v.Yes {
		fmt.Fprintf(s.err, "Forget %s for good? This can't be undone. Type yes: ", v.User)
		line, _ := bufio.NewReader(s.in).ReadString('\n') // what was not said is no
		if strings.TrimSpace(line) != "yes" {
			return errors.New("nothing was erased (without a terminal, say --yes)")
		}
	}
	answer, err := v.ask(s, "/admin/v1/erase", map[string]string{"userId": v.User})
	if err != nil {
		return err
	}
	if v.JSON {
		_, err := fmt.Fprintf(s.out, "%s\n", answer)
		return err
	}
	var r erase.Receipt
	if err := json.Unmarshal(answer, &r); err != nil {
		return err
	}
	return writeReceipt(s, &r)
}

func writeReceipt(s *session, r *erase.Receipt) error {
	fmt.Fprintf(s.out, "erased   %s at %s, %d items deleted\n", r.Customer, r.Erased.Format("2006-01-02 15:04:05Z07:00"), r.Deleted)
	if r.Deleted == 0 {
		fmt.Fprintln(s.err, "kesher: nothing was stored of this customer (a userId is case-sensitive)")
	}
	for _, k := range r.Kept {
		fmt.Fprintf(s.out, "kept     %s\n", k)
	}
	for _, g := range r.Gone {
		fmt.Fprintf(s.out, "gone     %s\n", g)
	}
	return nil
}
