package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/flow/explain"
)

// tailVerb is `kesher tail`.
type tailVerb struct {
	Lines  int  `short:"n" default:"20" help:"How many of the newest decisions to begin with (1 to 1000)."`
	Follow bool `short:"f" default:"true" negatable:"" help:"Go on until stopped."`
	target
	output
}

// Help ends the verb's help.
func (tailVerb) Help() string {
	return "Every line is one decision about one person. With --json every line is an object.\n\n" +
		example("kesher tail", "kesher tail --no-follow -n 100 --json")
}

// pollEvery is how often a followed stage is asked.
const pollEvery = time.Second

// Run prints the newest decisions, oldest first, then what is new.
func (v *tailVerb) Run(s *session) error {
	if v.Lines < 1 || v.Lines > 1000 {
		return usagef("--lines %d: from 1 to 1000", v.Lines)
	}
	c, err := v.connect(s, "")
	if err != nil {
		return err
	}
	err = v.follow(s, c)
	if s.Err() != nil { // stopped by a person: that is how it ends
		err = nil
	}
	return errors.Join(err, c.close())
}

func (v *tailVerb) follow(s *session, c *client) error {
	var told map[string]bool
	for {
		answer, err := c.call(s, http.MethodGet, "/admin/v1/tail", nil)
		if err != nil {
			return err
		}
		if told, err = v.tell(s, answer, told); err != nil || !v.Follow {
			return err
		}
		select {
		case <-s.Done():
			return nil
		case <-time.After(pollEvery):
		}
	}
}

// tell prints what has not been told, of the first answer only the newest lines.
// Each customer has her own time, so what is new may stand between what is not.
func (v *tailVerb) tell(s *session, answer json.RawMessage, before map[string]bool) (told map[string]bool, err error) {
	var tail console.Tail
	if err := json.Unmarshal(answer, &tail); err != nil {
		return nil, err
	}
	first := before == nil
	if first && tail.Partial {
		fmt.Fprintln(s.err, "kesher: there are more customers than one look covers; some are not followed")
	}
	if first && !v.JSON {
		fmt.Fprintf(s.out, "%-16s  %-12s  %-18s  DECISION\n", "TIME (UTC)", "WHO", "JOURNEY")
	}
	told = map[string]bool{}
	for i := range tail.Lines {
		l := &tail.Lines[i]
		id := fmt.Sprint(l.Customer, l.At.UnixNano(), l.Journey, l.Step, l.Decision, l.Fact)
		told[id] = true
		if before[id] || first && i < len(tail.Lines)-v.Lines {
			continue
		}
		if err := v.line(s, l); err != nil {
			return nil, err
		}
	}
	return told, nil
}

func (v *tailVerb) line(s *session, l *explain.Told) error {
	if v.JSON {
		return s.print(l)
	}
	who := l.UserID
	if who == "" {
		who = l.Customer[:min(8, len(l.Customer))]
	}
	_, err := fmt.Fprintf(s.out, "%s  %-12s  %-18s  %s\n", l.At.Format("2006-01-02 15:04"), who, l.Subject(), l.Sentence())
	return err
}
