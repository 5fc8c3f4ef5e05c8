// Package ses is flow.Mailer over the Amazon SES API v2. It knows SendEmail,
// what its errors mean, and the account's limits; it never tries twice, since
// SES has no idempotency key, and it knows nothing of consent or of claims.
package ses

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/flow"
)

var _ flow.Mailer = (*Mailer)(nil)

// ConfigurationSets are the names under which mail leaves: what a customer is
// owed must not suffer from the reputation of the rest (B11).
type ConfigurationSets struct {
	Service   string
	Marketing string // everything that is not service
}

// Mailer is safe for concurrent use.
type Mailer struct {
	client *sesv2.Client
	sets   ConfigurationSets
}

// New returns a mailer. It tries once whatever cfg says of retries: the SDK's
// own would resend on timeouts, resets and 5xx, after which SES may have
// accepted the mail already.
func New(cfg aws.Config, sets ConfigurationSets) *Mailer {
	client := sesv2.NewFromConfig(cfg, func(o *sesv2.Options) { o.Retryer = aws.NopRetryer{} })
	return &Mailer{client: client, sets: sets}
}

// Send hands m to SES, once; ctx's deadline is the time it has. The error is a
// *flow.SendError and holds nothing personal.
func (m *Mailer) Send(ctx context.Context, mail flow.Mail) (string, error) {
	if err := flow.CheckEnvelope(mail); err != nil {
		return "", err
	}
	input, err := m.input(mail)
	if err != nil {
		return "", err
	}
	ctx, sent := watch(ctx)
	out, err := m.client.SendEmail(ctx, input)
	if err != nil {
		return "", classify(err, mail.From, sent.Load())
	}
	return aws.ToString(out.MessageId), nil
}

func (m *Mailer) input(mail flow.Mail) (*sesv2.SendEmailInput, error) {
	// A report finds its message by these two; altered they would find nothing.
	if !taggable(mail.ID) || !taggable(mail.Customer) {
		return nil, &flow.SendError{Outcome: flow.OutcomeMessageFatal, Code: "InvalidTag", Err: errTag}
	}
	set := m.sets.Marketing
	if mail.Purpose == plan.PurposeService {
		set = m.sets.Service
	}
	return &sesv2.SendEmailInput{
		FromEmailAddress:     &mail.From,
		Destination:          &types.Destination{ToAddresses: []string{mail.To}},
		Content:              &types.EmailContent{Raw: &types.RawMessage{Data: mail.Raw}},
		ConfigurationSetName: &set,
		EmailTags: []types.MessageTag{
			tag(events.TagMessage, mail.ID),
			tag(events.TagCustomer, mail.Customer),
			tag(events.TagJourney, strings.Map(toTag, mail.Journey)),
		},
	}, nil
}

var errTag = errors.New("an SES tag takes 1 to 256 letters, digits, _ and - only")

func tag(name, value string) types.MessageTag { return types.MessageTag{Name: &name, Value: &value} }

// taggable: SES API v2, "MessageTag".
func taggable(s string) bool {
	return s != "" && len(s) <= 256 && strings.Map(toTag, s) == s
}

// toTag replaces what a tag must not hold.
func toTag(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		return r
	}
	return '_'
}

// watch tells whether a connection was ever had for a request under the
// context it returns. Without one nothing was sent: the name was not found, the
// dial refused, the handshake broken or the time up before.
func watch(ctx context.Context) (context.Context, *atomic.Bool) {
	var connected atomic.Bool
	trace := &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }}
	return httptrace.WithClientTrace(ctx, trace), &connected
}

// Account is what SES says of the sender.
type Account struct {
	Rate    float64 // mails per second
	Quota   float64 // mails in 24 hours; -1 = no limit
	Used    float64 // of them, in the last 24 hours
	Sandbox bool    // only verified addresses may be mailed
	Enabled bool    // false: sending is paused
	Health  string  // HEALTHY, PROBATION, SHUTDOWN
	Plan    string  // the pricing plan: NONE, ESSENTIALS, PRO, ENTERPRISE
}

// Account asks for the limits and the state of the sender.
func (m *Mailer) Account(ctx context.Context) (Account, error) {
	out, err := m.client.GetAccount(ctx, &sesv2.GetAccountInput{})
	if err != nil {
		return Account{}, fmt.Errorf("SES account: %w", err)
	}
	a := Account{
		Sandbox: !out.ProductionAccessEnabled,
		Enabled: out.SendingEnabled,
		Health:  aws.ToString(out.EnforcementStatus),
	}
	if q := out.SendQuota; q != nil {
		a.Rate, a.Quota, a.Used = q.MaxSendRate, q.Max24HourSend, q.SentLast24Hours
	}
	if p := out.PricingAttributes; p != nil {
		a.Plan = string(p.CurrentPlan)
	}
	return a, nil
}
