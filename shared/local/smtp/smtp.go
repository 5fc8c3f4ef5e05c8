// Package smtp is flow.Mailer over an SMTP relay (RFC 5321): `kesher run --smtp
// host:port`. It knows the dialogue and what each answer means; it tries once and
// never again, since SMTP has no idempotency key. Tags do not travel this way, so
// no reports come back.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/smtp"
	"net/textproto"
	"time"

	"github.com/kesher-io/kesher/shared/flow"
)

var _ flow.Mailer = (*Mailer)(nil)

// Mailer sends through one relay, a connection per mail. It is safe for
// concurrent use.
type Mailer struct {
	address string // host:port
	host    string
	name    string // by which we greet
}

// longest is the time for one mail when the caller's context sets none; RFC 5321
// section 4.5.3.2 allows far more, which no caller here has.
const longest = 30 * time.Second

// New returns a mailer for the relay at address (host:port).
func New(address string) (*Mailer, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("relay %q is no host:port", address)
	}
	return &Mailer{address: address, host: host, name: "localhost"}, nil
}

// Send hands the mail to the relay. The error is a *flow.SendError and holds
// nothing personal: a relay's own words may quote the address, so they are
// dropped and its code is kept.
func (m *Mailer) Send(ctx context.Context, mail flow.Mail) (string, error) {
	if err := flow.CheckEnvelope(mail); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", m.address)
	if err != nil {
		return "", &flow.SendError{Outcome: flow.OutcomeNotAccepted, Code: "Unreachable", Err: errUnreachable}
	}
	defer conn.Close()
	// The context ends the dialogue by taking the connection away.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := m.talk(conn, mail); err != nil {
		return "", err
	}
	return "smtp-" + mail.ID, nil
}

var errUnreachable = errors.New("the relay can't be reached")

// talk leads the dialogue, stage by stage.
func (m *Mailer) talk(conn net.Conn, mail flow.Mail) error {
	c, err := smtp.NewClient(conn, m.host)
	if err != nil {
		return refusal(stageGreeting, err)
	}
	defer c.Close()
	if err := c.Hello(m.name); err != nil {
		return refusal(stageGreeting, err)
	}
	if offered, _ := c.Extension("STARTTLS"); offered && !isLoopback(conn.RemoteAddr()) {
		if err := c.StartTLS(&tls.Config{ServerName: m.host, MinVersion: tls.VersionTLS12}); err != nil {
			return refusal(stageGreeting, err)
		}
	}
	if err := c.Mail(mail.From); err != nil {
		return refusal(stageSender, err)
	}
	if err := c.Rcpt(mail.To); err != nil {
		return refusal(stageRecipient, err)
	}
	if err := content(c, mail.Raw); err != nil {
		return err
	}
	_ = c.Quit() // the mail is taken, whatever the goodbye
	return nil
}

// content sends the mail itself. Up to its last line the relay must not take it
// (RFC 5321 section 4.1.1.4); after that only the answer tells.
func content(c *smtp.Client, raw []byte) error {
	if err := command(c.Text, 3, "DATA"); err != nil {
		return refusal(stageRecipient, err)
	}
	w := c.Text.DotWriter()
	if _, err := w.Write(raw); err != nil {
		return refusal(stageRecipient, err)
	}
	if err := w.Close(); err != nil {
		return refusal(stageAnswer, err)
	}
	if _, _, err := c.Text.ReadResponse(2); err != nil {
		return refusal(stageAnswer, err)
	}
	return nil
}

func command(text *textproto.Conn, expect int, line string) error {
	id, err := text.Cmd("%s", line)
	if err != nil {
		return err
	}
	text.StartResponse(id)
	defer text.EndResponse(id)
	_, _, err = text.ReadResponse(expect)
	return err
}

// stage is how far the dialogue had come.
type stage string

const (
	stageGreeting  stage = "greeting"
	stageSender    stage = "sender"
	stageRecipient stage = "recipient"
	stageAnswer    stage = "answer to the mail"
)

// refusal classifies what went wrong at a stage (RFC 5321 section 4.2.1: 4 is
// for the moment, 5 for good).
func refusal(at stage, err error) error {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return broken(at)
	}
	outcome := flow.OutcomeNotAccepted
	if at == stageAnswer {
		outcome = flow.OutcomeUnknown
	}
	switch reply.Code / 100 {
	case 4:
		outcome = flow.OutcomeNotAccepted
	case 5:
		outcome = flow.OutcomeMessageFatal
		if at == stageGreeting || at == stageSender {
			outcome = flow.OutcomeSenderWide // it refuses us, not this mail
		}
	}
	return &flow.SendError{
		Outcome: outcome, Code: fmt.Sprint(reply.Code),
		Err: fmt.Errorf("the relay answered %d (%s)", reply.Code, at),
	}
}

// broken: no answer, or none that is SMTP.
func broken(at stage) error {
	if at == stageAnswer {
		return &flow.SendError{Outcome: flow.OutcomeUnknown, Code: "NoAnswer", Err: errors.New("no answer after the whole mail was sent")}
	}
	return &flow.SendError{Outcome: flow.OutcomeNotAccepted, Code: "Broken", Err: fmt.Errorf("the dialogue broke before the mail was sent (%s)", at)}
}

func isLoopback(a net.Addr) bool {
	ap, err := netip.ParseAddrPort(a.String())
	return err == nil && ap.Addr().Unmap().IsLoopback()
}
