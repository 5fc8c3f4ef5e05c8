// Package deliver takes one due message through the gate and, if it passes, to
// the Mailer: ARCHITECTURE section 4. It is the only writer of claims and, but
// for reports, of MSG; it never writes RUN.
//
// What it keeps to, in this order:
//
//	read GATE, then in later calls everything else, strongly; decide purely
//	claim: one conditional Put of GATE as it was read
//	render, send once, classify
//	MSG, conditionally: a fact for `journey`
//
// Whatever lowers permission writes GATE, so it either fails the claim or comes
// after it. A claim stays until its outcome is known: nobody but its holder says
// anything about the message before the lease is over, and nobody sends it again
// after. A crash, a lost reply or a second worker at any point therefore leads to
// one mail or none, never to two.
//
// A mail that nobody will ever see (message-fatal, render error) gives its place
// under the caps back: MSG failed is written first, then the claim is let go.
//
// The package knows no SDK, no stream and no template language. It starts no
// goroutine and sleeps only through Pacer.Sleep.
package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
)

// Service delivers messages. It is safe for concurrent use.
type Service struct {
	Store    flow.Store
	Clock    flow.Clock
	Tokens   flow.Tokens
	Releases flow.Releases
	Mailer   flow.Mailer
	Metrics  flow.Metrics
	Log      *slog.Logger
	Links    token.Links

	// Stage and Reaches: a stage that is not prod and whose Mailer reaches people
	// mails nobody but test recipients.
	Stage   string
	Reaches bool

	// Pacer keeps to the sender's rate and brake; nil: neither exists.
	Pacer *Pacer
	// Settler and Process exist on one machine only, where one process at a time
	// holds the store: a claim of another process is a dead one's, and the mailbox
	// says what became of it.
	Settler Settler
	Process string
}

// Metrics that operators watch.
const (
	MetricUnknown  = "SendUnknown"  // sends whose outcome nobody knows
	MetricLateness = "SendLateness" // from a message's due to its leaving
)

// Settler knows which messages have left.
type Settler interface {
	Has(ctx context.Context, message string) (bool, error)
}

// Result is what became of one call: Message as stored by it, nil when it
// changed nothing; Reason then says why.
type Result struct {
	Message *message.Msg
	Reason  string
}

// ErrNoTime: too little is left of the invocation to claim anything. Nothing has
// happened; the record has to come again.
var ErrNoTime = errors.New("too little time left to send")

const (
	// maxAttempts bounds the rounds of read, decide and claim under contention.
	maxAttempts = 16
	// sendTimeout is what one call of the Mailer may take, and writeTime what is
	// kept for writing down its outcome.
	sendTimeout = 10 * time.Second
	writeTime   = 3 * time.Second
	// leaseMargin is added to the invocation's deadline: its process is gone then,
	// whatever the clocks of two machines differ by.
	leaseMargin = 10 * time.Second
	// openEnded stands for the deadline of a call that has none.
	openEnded = 30 * time.Second
)

// Deliver works the message that the run at key wants to leave, if it still
// does. A message that becomes due there meanwhile has a record of its own. Calls
// may be repeated and may overlap. Errors are the store's,
// ErrNoTime, or those of an item or release that can't be read; none of them
// follows an accepted mail whose MSG is stored.
func (s *Service) Deliver(ctx context.Context, key item.Key) (Result, error) {
	customer, ok := item.CustomerOf(key.PK)
	if !ok {
		return Result{}, fmt.Errorf("%s is no customer's item", key)
	}
	w := &work{Service: s, customer: customer, runSK: key.SK, deadline: s.deadline(ctx)}
	for range maxAttempts {
		done, err := w.round(ctx)
		if _, conflict := flow.AsConflict(err); conflict {
			continue
		}
		if done || err != nil {
			return w.result, err
		}
	}
	return Result{}, fmt.Errorf("gate of message in %s is written by others all the time: %w", key.SK, flow.ErrThrottled)
}

func (s *Service) deadline(ctx context.Context) time.Time {
	if d, ok := ctx.Deadline(); ok {
		return d
	}
	return s.Clock.Real().Add(openEnded)
}

// work is one call of Deliver: what has to outlive a round.
type work struct {
	*Service
	customer string
	runSK    string
	deadline time.Time
	message  string         // what was due first
	claim    *consent.Claim // what this call claims, the same in every round
	admitted bool           // the pacer has let it through
	result   Result
}

// round reads, decides and acts once; done is false when it has to begin anew.
func (w *work) round(ctx context.Context) (done bool, err error) {
	v, err := w.read(ctx)
	if err != nil {
		return false, err
	}
	if w.claim != nil && message.Holds(&v.gate, *w.claim) {
		return false, w.letGo(ctx, v, *w.claim) // its reply was lost, and nothing was sent: decide anew
	}
	switch {
	case v.due == nil:
	case w.message == "":
		w.message = v.due.Message
	case w.message != v.due.Message:
		v.due = nil
	}
	in, err := w.input(ctx, v)
	if err != nil {
		return false, err
	}
	verdict := message.Pass(in)
	switch verdict.Action {
	case message.Go:
		return w.send(ctx, v, verdict)
	case message.Ask:
		return w.ask(ctx, v, message.ClaimOf(&v.gate, v.due.Message))
	case message.Nothing:
		w.result.Reason = verdict.Reason
		return true, nil
	}
	return true, w.store(ctx, v, v.outcome(verdict), false)
}

// ask settles a dead process's claim: the mail is there, or the message is free
// again.
func (w *work) ask(ctx context.Context, v *view, claim *consent.Claim) (done bool, err error) {
	there, err := w.Settler.Has(ctx, claim.Message)
	if err != nil {
		return false, err
	}
	if there {
		return true, w.store(ctx, v, v.sent(""), true)
	}
	return false, w.letGo(ctx, v, *claim)
}

// Look returns the MSG of the message that the run at key wants to leave, for
// whoever moves the run on; nil when nothing is stored about it.
func (s *Service) Look(ctx context.Context, key item.Key) (*item.Item, error) {
	customer, ok := item.CustomerOf(key.PK)
	if !ok {
		return nil, fmt.Errorf("%s is no customer's item", key)
	}
	w := &work{Service: s, customer: customer, runSK: key.SK}
	v, err := w.read(ctx)
	if err != nil || v.due == nil {
		return nil, err
	}
	return v.msgItem, nil
}
