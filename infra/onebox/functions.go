package onebox

import (
	"context"
	"encoding/json"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/kesher-io/kesher/events"
	clockfn "github.com/kesher-io/kesher/functions/clock"
	collectfn "github.com/kesher-io/kesher/functions/collect"
	consolefn "github.com/kesher-io/kesher/functions/console"
	deliverfn "github.com/kesher-io/kesher/functions/deliver"
	feedbackfn "github.com/kesher-io/kesher/functions/feedback"
	journeyfn "github.com/kesher-io/kesher/functions/journey"
	pagesfn "github.com/kesher-io/kesher/functions/pages"
	"github.com/kesher-io/kesher/shared/aws/httpapi"
	"github.com/kesher-io/kesher/shared/aws/streams"
	"github.com/kesher-io/kesher/shared/catalog"
	"github.com/kesher-io/kesher/shared/console"
	"github.com/kesher-io/kesher/shared/core/item"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/advance"
	"github.com/kesher-io/kesher/shared/flow/agenda"
	"github.com/kesher-io/kesher/shared/flow/clock"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/consents"
	"github.com/kesher-io/kesher/shared/flow/deliver"
	"github.com/kesher-io/kesher/shared/flow/delivery"
	"github.com/kesher-io/kesher/shared/flow/emit"
	"github.com/kesher-io/kesher/shared/flow/erase"
	"github.com/kesher-io/kesher/shared/flow/faults"
	"github.com/kesher-io/kesher/shared/flow/feedback"
	"github.com/kesher-io/kesher/shared/flow/insights"
	"github.com/kesher-io/kesher/shared/flow/preferences"
	"github.com/kesher-io/kesher/shared/local/bus"
	"github.com/kesher-io/kesher/shared/local/mailbox"
	"github.com/kesher-io/kesher/shared/local/pump"
	"github.com/kesher-io/kesher/shared/local/smtp"
)

// functions are the handlers, each called with bytes as Lambda calls it.
type functions struct {
	collect, pages, console, feedback, clock, journey, deliver httpapi.Invoke
}

// flows are the use cases that the machine itself calls, too.
type flows struct {
	collect *collect.Service
	advance *advance.Service
	clock   *clock.Service
	erase   *erase.Service
	faults  *faults.Service
	counts  *insights.Counter
}

// assemble builds the flows over the machine's ports, and the functions over
// the flows: the same wiring that the mains of functions/* do on AWS.
func (b *Box) assemble() error {
	links := token.NewLinks(b.base, b.ring)
	writer := consents.Writer{Store: b.items, Clock: b.clock, Tokens: b.tokens, Keys: b.keys}
	b.flows.counts = &insights.Counter{Store: b.items}
	b.flows.faults = &faults.Service{Store: b.items, Clock: b.clock, Tokens: b.tokens}
	b.flows.collect = &collect.Service{
		Store: b.items, Clock: b.clock, Tokens: b.tokens, Releases: b.releases, Keys: b.keys, Metrics: &b.metrics,
		Identity: []byte(b.config.IdentitySecret), Ring: b.ring,
	}
	b.flows.advance = &advance.Service{
		Store: b.items, Clock: b.clock, Tokens: b.tokens, Releases: b.releases, Metrics: &b.metrics, Log: b.log, Counts: b.flows.counts,
	}
	b.flows.erase = &erase.Service{Store: b.items, Clock: b.clock, Tokens: b.tokens, Traces: b}
	b.flows.clock = &clock.Service{
		Store: b.items, Clock: b.clock, Tokens: b.tokens, Runs: b.flows.advance, Metrics: &b.metrics, Log: b.log,
		Chores: map[string]clock.Chore{
			agenda.Copies: b.flows.collect.Copy, agenda.Pending: b.flows.collect.Purge, agenda.Sweep: b.flows.erase.Sweep,
			agenda.Erase: b.flows.erase.Asked,
		},
	}
	mailer, err := b.mailer()
	if err != nil {
		return err
	}
	messages := &deliver.Service{
		Store: b.items, Clock: b.clock, Tokens: b.tokens, Releases: b.releases, Mailer: mailer, Metrics: &b.metrics, Log: b.log,
		Links: links, Stage: localStage, Reaches: b.config.SMTP != "", Process: b.tokens.Token(),
	}
	if b.config.SMTP == "" {
		messages.Settler = b.mailbox
	}
	if !b.config.EventClock {
		messages.Pacer = &deliver.Pacer{Store: b.items, Clock: b.clock, Tokens: b.tokens, Instances: 1, Sleep: deliverfn.Sleep}
	}
	reports := &feedback.Service{
		Store: b.items, Clock: b.clock, Tokens: b.tokens, Keys: b.keys, Releases: b.releases, Consents: writer, Metrics: &b.metrics,
	}
	prefs := &preferences.Service{
		Store: b.items, Clock: b.clock, Tokens: b.tokens, Releases: b.releases, Keys: b.keys, Ring: b.ring, Consents: writer, Collect: b.flows.collect, Counts: b.flows.counts,
	}
	outside := &emit.Service{Store: b.items, Releases: b.releases, Emitter: bus.New(filepath.Join(b.config.Data, EmittedFile))}
	journeys := &journeyfn.Handler{Runs: b.flows.advance, Outside: outside, Inbox: b.flows.collect.Inbox, Faults: b.flows.faults, Counts: b.flows.counts, Log: b.log}
	b.functions = functions{
		collect:  httpapi.Handle(collectfn.New(b.collectConfig())),
		pages:    httpapi.Handle(pagesfn.New(prefs, b.base, b.log)),
		console:  httpapi.Handle(consolefn.New(b.consoleConfig())),
		feedback: (&feedbackfn.Handler{Flow: reports, Metrics: &b.metrics, Log: b.log}).Handle,
		clock:    (&clockfn.Handler{Clock: b.flows.clock, Faults: b.flows.faults, Parallel: 8, Reserve: time.Second}).Handle,
		journey:  streams.Handler(journeys.Work, streams.Options{Done: journeys.Done, Failed: b.failed}),
		deliver:  streams.Handler((&deliverfn.Handler{Messages: messages, Faults: b.flows.faults, Log: b.log}).Work, streams.Options{Reserve: sendReserve, Failed: b.failed}),
	}
	return nil
}

func (b *Box) collectConfig() collectfn.Config {
	return collectfn.Config{
		Flow: b.flows.collect, PublicKey: b.config.PublicKey, ServerKey: b.config.ServerKey, Base: b.base,
		Typeform: []byte(b.config.TypeformSecret), Log: b.log,
	}
}

func (b *Box) consoleConfig() consolefn.Config {
	return consolefn.Config{
		Config: console.Config{
			Store: b.items, Clock: b.clock, Tokens: b.tokens, Releases: b.releases, Keys: b.keys,
			Collect: b.flows.collect, Erase: b.flows.erase, Intake: b.Intake, Mailbox: true, Log: b.log,
			Admin: console.Bearer(b.admin), Page: console.Everybody, Failures: failures(filepath.Join(b.config.Data, "failures")),
		},
		PublicKey: b.config.PublicKey, ServerKey: b.config.ServerKey, Base: b.base,
	}
}

// mappings are the event source mappings of the stream, as the stack deploys
// them; on one machine a batch never waits to be filled.
func (b *Box) mappings() []pump.Mapping {
	mapping := func(consumer string, f httpapi.Invoke, patterns []delivery.Pattern) pump.Mapping {
		return pump.Mapping{Consumer: consumer, Function: pump.Function(f), Patterns: patterns, Bisect: true, MaxAge: 23 * time.Hour}
	}
	return []pump.Mapping{
		mapping("journey", b.functions.journey, delivery.For(delivery.Journey)),
		mapping("deliver", b.functions.deliver, delivery.For(delivery.Deliver)),
	}
}

func (b *Box) failed(_ context.Context, c item.Change, err error) {
	b.log.Warn("record failed, it comes again", "pk", c.Key.PK, "error", err)
}

// sendReserve: with less than this left of an invocation no send is begun.
const sendReserve = 15 * time.Second

// localStage is the stage of one machine: its mailbox takes every mail, and a
// relay none but those to test recipients.
const localStage = "local"

func (b *Box) mailer() (flow.Mailer, error) {
	if b.config.SMTP == "" {
		return b.mailbox, nil
	}
	return smtp.New(b.config.SMTP)
}

// report gives the function feedback what the receiving side of the mailbox
// says, as SES would through EventBridge.
func (b *Box) report(ctx context.Context, r mailbox.Report) error {
	event := sesEvent(r, b.clock.Now(r.Message.Customer))
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	_, err = b.functions.feedback(ctx, payload)
	return err
}

// sesEvent is the event that SES would send for a report.
func sesEvent(r mailbox.Report, now time.Time) events.SESEvent {
	to := events.NewPersonal(r.Message.To)
	detail := events.SESDetail{Mail: events.SESMail{
		Timestamp: r.Message.At, MessageID: r.Message.ID, Destination: []events.Personal{to},
		Tags: map[string][]string{
			events.TagMessage: {r.Message.ID}, events.TagCustomer: {r.Message.Customer}, events.TagJourney: {r.Message.Journey},
		},
	}}
	recipients := []events.SESRecipient{{EmailAddress: to}}
	switch r.Kind {
	case mailbox.Bounce:
		detail.EventType = events.SESBounce
		detail.Bounce = &events.SESBounceInfo{BounceType: events.BouncePermanent, BounceSubType: "General", BouncedRecipients: recipients, Timestamp: now}
	case mailbox.Complaint:
		detail.EventType = events.SESComplaint
		detail.Complaint = &events.SESComplaintInfo{ComplainedRecipients: recipients, FeedbackType: "abuse", Timestamp: now}
	case mailbox.Opened:
		detail.EventType, detail.Open = events.SESOpen, &events.SESOpenInfo{Timestamp: now}
	case mailbox.Clicked:
		detail.EventType, detail.Click = events.SESClick, &events.SESClickInfo{Timestamp: now}
	default:
		detail.EventType = events.SESDelivery
		detail.Delivery = &events.SESDeliveryInfo{Timestamp: now, Recipients: []events.Personal{to}}
	}
	return events.SESEvent{ID: "local-" + string(r.Kind) + "-" + r.Message.ID, Source: events.SESSource, DetailType: events.SESDetailTypes[detail.EventType], Time: now, Detail: detail}
}

func exampleCatalog() fs.FS { return catalog.Example() }
