package sim

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/kesher-io/kesher/events"
	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow"
	"github.com/kesher-io/kesher/shared/flow/collect"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// call is one call from outside, as an SDK makes it: the same again until it is
// answered.
type call struct {
	name string
	once bool // she has gone elsewhere by then: nobody repeats it
	do   func(ctx context.Context, i *instance, at time.Time) error
}

func (p *person) at(at time.Time, c call) {
	p.w.later(at, func() { p.make(c, at) })
}

// arrives is a call that was made at a time, and comes later.
func (p *person) arrives(at, made time.Time, c call) {
	p.w.later(at, func() { p.make(c, made) })
}

func (p *person) make(c call, at time.Time) {
	w := p.w
	w.spawn(c.name, p.key, func(ctx context.Context, i *instance) error { return c.do(ctx, i, at) }, func(err error) {
		switch {
		case err != nil && c.once:
		case err != nil:
			w.later(w.now.Add(time.Second+w.some(20*time.Second)), func() { p.make(c, at) })
		case !c.once && w.strikes(CallRepeated) != none:
			w.later(w.now.Add(w.some(10*time.Minute)), func() { p.make(c, at) })
		}
	})
}

// Calls come from the shop's systems, or from its site in her browser, whose key
// anybody can have.
var (
	server  = collect.Source{Kind: collect.Server, Name: "backend"}
	browser = collect.Source{Kind: collect.Public, Name: "site"}
)

// tells is a tracking call.
func (p *person) tells(name string, c *events.Call, from collect.Source) call {
	return call{name: name, do: func(ctx context.Context, i *instance, at time.Time) error {
		c.Timestamp = events.Time{Time: at}
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/"+c.Type, c, from)
		}
		return p.answered(i.collect.Collect(ctx, c, from))
	}}
}

// says is a statement about a permission.
func (p *person) says(name string, c *events.ConsentCall, from collect.Source) call {
	return call{name: name, do: func(ctx context.Context, i *instance, at time.Time) error {
		c.Time = events.Time{Time: at}
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/consents", c, from)
		}
		return p.answered(i.collect.Consent(ctx, c, from))
	}}
}

func (p *person) identify() call { return p.identifyAt(p.anon) }

// identifyAt makes her known at a browser.
func (p *person) identifyAt(anonymousID string) call {
	c := &events.Call{
		Type: events.TypeIdentify, MessageID: p.message(), UserID: events.NewPersonal(p.id), AnonymousID: events.NewPersonal(anonymousID),
		Traits: events.Object{"first_name": p.name},
	}
	if p.email != "" {
		c.Traits["email"] = p.email
	}
	return p.tells("identify", c, server)
}

// fillsInAddress and fillsInPermission are a form on the site: what she types there is
// not hers, and what it asks for not permitted, before she follows the link that is
// mailed to her.
func (p *person) fillsInAddress() call {
	return p.tells("fills in address", &events.Call{
		Type: events.TypeIdentify, MessageID: p.message(), UserID: events.NewPersonal(p.id), AnonymousID: events.NewPersonal(p.anon), Context: p.proof(),
		Traits: events.Object{"email": p.typed, "first_name": p.name},
	}, browser)
}

func (p *person) fillsInPermission() call {
	return p.says("fills in permission", &events.ConsentCall{
		MessageID: p.message(), UserID: events.NewPersonal(p.id), Context: p.proof(),
		Purpose: "marketing", Channel: "email", State: "granted", Notice: "newsletter",
	}, browser)
}

// proof is what the site's server gives to the page of who is signed in.
func (p *person) proof() *events.Context {
	mac := hmac.New(sha256.New, identity)
	mac.Write([]byte(p.id))
	return &events.Context{UserHash: hex.EncodeToString(mac.Sum(nil))}
}

var identity = []byte("the site's secret")

// rename gives her another name at a time; the last one she gave counts.
func (p *person) rename(at time.Time) call {
	name := fmt.Sprintf("Name%s-%d", p.id, p.n)
	if at.After(p.named) {
		p.named, p.name = at, name
	}
	c := &events.Call{Type: events.TypeIdentify, MessageID: p.message(), UserID: events.NewPersonal(p.id), Traits: events.Object{"first_name": name}}
	return p.tells("identify again", c, server)
}

// move gives her another address, by an identify like any other.
func (p *person) move() call {
	p.email = p.id + "@elsewhere.example"
	p.had = append(p.had, p.email)
	return p.identify()
}

func (p *person) track(event string, props map[string]any) call {
	c := &events.Call{Type: events.TypeTrack, MessageID: p.message(), UserID: events.NewPersonal(p.id), Event: event, Properties: props}
	return p.tells("track "+event, c, server)
}

func (p *person) grant(purpose, channel string) call {
	return p.state(purpose, channel, "granted", false)
}

func (p *person) withdraw(purpose, channel string) call {
	c := p.state(purpose, channel, "withdrawn", false)
	do := c.do
	c.do = func(ctx context.Context, i *instance, at time.Time) error {
		err := do(ctx, i, at)
		if err == nil {
			p.w.watch.answeredWithdrawal(p, consent.Name(purpose, channel), at)
		}
		return err
	}
	return c
}

func (p *person) state(purpose, channel, state string, visitor bool) call {
	c := &events.ConsentCall{
		MessageID: p.message(), UserID: events.NewPersonal(p.id), Purpose: purpose, Channel: channel, State: state,
		Evidence: &events.Evidence{Basis: "consent", Source: "sim"},
	}
	if purpose == "marketing" && state == "granted" && !p.until.IsZero() {
		c.Expires = events.Time{Time: p.until}
	}
	if visitor {
		c.UserID, c.AnonymousID = events.Personal{}, events.NewPersonal(p.anon)
	}
	return p.says(state+" "+purpose, c, server)
}

func (p *person) answer() call {
	c := &events.SurveyResponse{Survey: "style", ResponseID: p.message(), UserID: events.NewPersonal(p.id), Answers: events.Object{"interests": []any{"outdoor"}}}
	return call{name: "answers style", do: func(ctx context.Context, i *instance, at time.Time) error {
		c.Time = events.Time{Time: at}
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/surveys/"+c.Survey+"/responses", c, server)
		}
		return p.answered(i.collect.Respond(ctx, c, server))
	}}
}

// request asks for a transactional mail by the API.
func (p *person) request() call {
	c := &events.MessageCall{MessageID: p.message(), UserID: events.NewPersonal(p.id), Template: "receipt"}
	return call{name: "message receipt", do: func(ctx context.Context, i *instance, _ time.Time) error {
		if i.w.bytes {
			return i.postJSON(ctx, "/v1/messages", c, server)
		}
		return p.answered(i.collect.Message(ctx, c, server))
	}}
}

func (p *person) erase() call {
	return call{name: "erase", do: func(ctx context.Context, i *instance, _ time.Time) error {
		_, err := i.erase.Erase(ctx, p.key)
		return err
	}}
}

// press presses the button in a mail, some time after it came.
func (p *person) press(m *flow.Mail) {
	t := token.Unsubscribe{Customer: p.key, Address: p.w.keys.Address(m.To), Message: m.ID, Purpose: "marketing", Topic: "cart"}
	p.at(p.w.now.Add(p.w.some(3*time.Hour)), call{name: "presses unsubscribe", do: func(ctx context.Context, i *instance, at time.Time) error {
		var err error
		if i.w.bytes {
			err = i.press(ctx, i.w.ring.MintUnsubscribe(t))
		} else {
			err = i.prefs.Unsubscribe(ctx, i.w.ring.MintUnsubscribe(t), preferences.ScopePurpose)
		}
		if err == nil {
			p.w.watch.answeredWithdrawal(p, "marketing/email", at)
		}
		return err
	}})
}

// pause has her pause all marketing for some days in her preference centre; 0 ends
// the pause.
func (p *person) pause(days int) call {
	return p.chooses("pause", preferences.Change{Pause: &days}, func(g *consent.Gate) bool {
		left := time.UnixMilli(g.Paused).Sub(p.w.now)
		return days == 0 && g.Paused == 0 || (time.Duration(days)*24*time.Hour-left).Abs() < lifetime+skewed
	})
}

// silence has her turn a topic off there, or on again.
func (p *person) silence(topic string, off bool) call {
	return p.chooses("topic", preferences.Change{Topic: &preferences.TopicChange{Topic: topic, On: !off}}, func(g *consent.Gate) bool {
		_, is := g.Topics[topic]
		return is == off
	})
}

// chooses is a press in her preference centre. stands says whether a gate holds what
// she chose.
func (p *person) chooses(what string, change preferences.Change, stands func(*consent.Gate) bool) call {
	return call{name: "chooses " + what, once: true, do: func(ctx context.Context, i *instance, _ time.Time) error {
		p.choices++
		mine, others := p.choices, p.choosing
		p.choosing++
		defer func() { p.choosing-- }()
		session := p.session()
		err := i.prefs.Change(ctx, session, "en", change)
		if errors.Is(err, preferences.ErrSession) {
			return nil // nobody knows her yet, or any more
		}
		alone := others == 0 && mine == p.choices
		if g, it := p.w.watch.gateOf(p.key); err == nil && alone && it != nil && it.E == session.Epoch && !stands(g) {
			p.w.violate(p.key, "what she chose (%s) was answered, and does not stand", what)
		}
		return err
	}}
}

// session is hers in the preference centre, as she is now.
func (p *person) session() token.Cookie {
	return token.Cookie{Customer: p.key, Epoch: p.w.watch.epochs[p.key], Expires: p.w.now.Add(time.Hour).UnixMilli()}
}

// gives has her give an address in her preference centre. It is not hers before she
// follows the link that is mailed to it.
func (p *person) gives(address string) call {
	p.had = append(p.had, address)
	p.asked = append(p.asked, address)
	return call{name: "gives address", do: func(ctx context.Context, i *instance, _ time.Time) error {
		err := i.prefs.Change(ctx, p.session(), "en", preferences.Change{Address: address})
		if errors.Is(err, preferences.ErrSession) || errors.Is(err, preferences.ErrRefused) {
			return nil // nobody knows her, or she asked too often today
		}
		return err
	}}
}

// follows the link in a mail that asks whether an address is hers, and whether she
// permits what a form asked for, some time after it came.
func (p *person) follows(m *flow.Mail) {
	text := tokenIn(m, token.PathConfirm)
	asked, genuine := p.w.ring.OpenConfirm(text)
	if !genuine {
		p.w.violate(p.key, "the mail that asks her has no link by which to answer: %s", m.Raw)
	}
	within := 6 * time.Hour
	if p.w.long { // also when it is too late
		within = 9 * 24 * time.Hour
	}
	at := p.w.now.Add(p.w.some(within))
	if !p.steady && p.w.may(withdraws, 4) { // and takes it back in the same moment
		p.at(at.Add(-p.w.some(10*time.Millisecond)), p.withdraw("marketing", "email"))
	}
	p.at(at, call{name: "follows link", do: func(ctx context.Context, i *instance, _ time.Time) error {
		waited := p.w.watch.waitsFor(&asked)
		var err error
		if i.w.bytes {
			err = i.postForm(ctx, token.PathConfirm+text, "")
		} else {
			err = i.prefs.Confirm(ctx, text)
		}
		if p.w.now.Sub(m.At) > consent.ConfirmFor {
			p.w.result.Reached[TooLate]++
		}
		if err == nil && waited && p.w.watch.waitsFor(&asked) {
			p.w.violate(p.key, "she followed the link, and is asked as before (%s)", asked.Purpose)
		}
		return err
	}})
}

// tokenIn is the token of the link in a mail to one of the customers' pages.
func tokenIn(m *flow.Mail, page string) string {
	text := strings.ReplaceAll(string(m.Raw), "=\r\n", "") // quoted-printable, RFC 2045 section 6.7
	_, rest, _ := strings.Cut(text, base+page)
	end := strings.IndexFunc(rest, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '-' && r != '_' })
	return rest[:max(end, 0)]
}

// answered tells what became of a call. A refusal is an answer.
func (p *person) answered(out collect.Outcome, err error) error {
	if err == nil && out.Refused != nil {
		p.w.tell(p.key, "refused: %s", out.Refused.Code)
	}
	return err
}

// looks is a product viewed by a visitor.
func (p *person) looks() call {
	c := &events.Call{Type: events.TypeTrack, MessageID: p.message(), AnonymousID: events.NewPersonal(p.anon), Event: "Product Viewed", Properties: map[string]any{"product_id": p.product()}}
	return call{name: "looks around", once: true, do: func(ctx context.Context, i *instance, at time.Time) error {
		c.Timestamp = events.Time{Time: at}
		out, err := i.collect.Collect(ctx, c, server)
		if err == nil && out.Refused == nil {
			p.looked[c.MessageID] = true
		}
		return p.answered(out, err)
	}}
}
