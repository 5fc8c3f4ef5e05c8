package deliver

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/fact"
	"github.com/kesher-io/kesher/shared/core/journey"
	"github.com/kesher-io/kesher/shared/core/message"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/release"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/core/zone"
	"github.com/kesher-io/kesher/shared/flow"
)

// letter is one mail before it is written, with all that had to be read for it.
type letter struct {
	*view
	customer    string
	links       token.Links
	template    *message.Template // nil: the release has none of that name
	collections map[string]any
	offers      []release.Offer
	because     []string // the traits and collections that the template reads
}

// letter reads what the mail is made of besides the view.
func (w *work) letter(ctx context.Context, v *view) (*letter, error) {
	l := &letter{view: v, customer: w.customer, links: w.Links, template: v.rel.Templates[templateName(v)]}
	if l.template == nil {
		return l, nil
	}
	var names []string
	for _, variable := range l.template.Variables() {
		root, _, _ := strings.Cut(variable.Path, ".")
		root, _, _ = strings.Cut(root, "[")
		if _, ok := v.live.Plan.Collections[root]; ok {
			names = append(names, root)
		} else if root == "profile" {
			l.because = append(l.because, variable.Path)
		}
	}
	l.because = unique(append(l.because, names...))
	var err error
	if l.collections, err = w.history(v).Collections(ctx, lens(v), unique(names)); err != nil {
		return nil, err
	}
	l.offers, err = w.offers(ctx, v)
	return l, err
}

func unique(list []string) []string {
	slices.Sort(list)
	return slices.Compact(list)
}

// templateName is the step's template, or the one that a request by API names.
func templateName(v *view) string {
	name := v.run.Out.Send.Template
	if name == journey.EntryTemplate {
		name, _ = v.run.Entry.Props["template"].(string)
	}
	return name
}

// offers are those the last offer step took, without what has run out or was
// bought since.
func (w *work) offers(ctx context.Context, v *view) ([]release.Offer, error) {
	var taken []release.Offer
	items := false
	for _, id := range v.run.Offers {
		if i := slices.IndexFunc(v.rel.Offers, func(o release.Offer) bool { return o.ID == id }); i >= 0 {
			taken = append(taken, v.rel.Offers[i])
			items = items || v.rel.Offers[i].Item != ""
		}
	}
	var bought []string
	if items {
		orders, err := w.history(v).Events(ctx, fact.OrderCompleted, time.UnixMilli(v.run.Entry.At))
		if err != nil {
			return nil, err
		}
		for _, o := range orders {
			bought = append(bought, fact.Products(o.Props)...)
		}
	}
	brand := zone.Or(v.live.Settings.Brand.Zone, time.UTC)
	return slices.DeleteFunc(taken, func(o release.Offer) bool {
		return !o.Stands(v.now, brand) || slices.Contains(bought, o.Item)
	}), nil
}

// catalogError is a mistake in the catalog, in words that hold nothing of a
// customer's.
type catalogError string

func (e catalogError) Error() string { return string(e) }

// write renders and composes the mail. It reads nothing: errors are the
// catalog's, and would come again every time.
func (l *letter) write() (m flow.Mail, lang string, err error) {
	if l.template == nil {
		return m, "", catalogError(fmt.Sprintf("release %s has no template %q", l.rel.ID, templateName(l.view)))
	}
	sender, ok := l.live.Settings.SenderFor(l.due.Purpose)
	if !ok {
		return m, "", catalogError(fmt.Sprintf("settings.yaml names no sender for %q", l.due.Purpose))
	}
	from, err := message.ParseAddress(sender)
	if err != nil {
		return m, "", catalogError(fmt.Sprintf("sender for %q: %v", l.due.Purpose, err))
	}
	to, hash, _ := message.Recipient(l.profile, l.due, l.now)
	links := l.pageLinks(hash)
	out, err := l.template.Render(l.input(links, sender))
	if err != nil {
		return m, "", err
	}
	raw, err := message.Compose(message.Composition{
		From: sender, To: to.Reveal(), ReplyTo: l.live.Settings.ReplyTo(), Subject: out.Subject, Date: l.now,
		MessageID: l.due.Message, HTML: out.HTML, Text: out.Text,
		UnsubscribeURL: links.Unsubscribe, UnsubscribeMailto: l.mailto(), Marketing: !l.due.Service(),
	})
	return flow.Mail{
		ID: l.due.Message, Customer: l.customer, Journey: l.run.Journey, Step: l.run.Step, Run: l.run.ID,
		Purpose: l.due.Purpose, From: from.Addr, To: to.Reveal(), Raw: raw, At: l.now,
	}, out.Lang, err
}

// mailto asks the monitored address to unsubscribe, for clients that know no
// other way (RFC 2369 section 3.2).
func (l *letter) mailto() string {
	address, err := message.ParseAddress(l.live.Settings.ReplyTo()) // may carry a name
	if err != nil {
		return ""
	}
	return "mailto:" + address.Addr + "?subject=" + url.PathEscape("unsubscribe "+l.due.Message)
}

func (l *letter) pageLinks(hash string) message.Links {
	return message.Links{
		Preferences: l.links.Preferences(token.Preferences{Customer: l.customer}),
		Unsubscribe: l.links.Unsubscribe(token.Unsubscribe{
			Customer: l.customer, Address: hash, Message: l.due.Message, Purpose: l.due.Purpose, Topic: l.due.Topic,
		}),
	}
}

// input is what the template sees.
func (l *letter) input(links message.Links, sender string) message.RenderInput {
	s := l.live.Settings
	link, agreed := l.action()
	return message.RenderInput{
		Lang: l.lang(), Brand: s.Brand, Profile: visible(l.view),
		Entry: l.entry(), Event: l.event(), Collections: l.collections, Offer: l.offerTexts(),
		Run:   map[string]any{"id": l.run.ID, "journey": l.run.Journey, "step": l.run.Step, "action_url": link, "action_text": agreed},
		Links: links, Sender: sender, ReplyTo: s.ReplyTo(),
		Purpose: l.due.Purpose, PurposeTitle: l.live.Plan.Purposes[l.due.Purpose].Title,
	}
}

// lang is the customer's language, else the brand's first.
func (l *letter) lang() string { return l.live.Settings.Brand.Language(l.profile.Locale) }

// entry is the fact that began the run. For a request by API it is the data that
// came with it: {{ entry.order_id }}.
func (l *letter) entry() map[string]any {
	if l.walk.Name == journey.API {
		data, _ := l.run.Entry.Props["data"].(map[string]any)
		return data
	}
	return l.run.Entry.Props
}

func (l *letter) event() map[string]any {
	if l.run.Event == nil {
		return l.entry()
	}
	return l.run.Event.Props
}

func (l *letter) offerTexts() []map[string]any {
	lang, first := l.lang(), l.live.Settings.Brand.First()
	texts := make([]map[string]any, 0, len(l.offers))
	for _, o := range l.offers {
		texts = append(texts, map[string]any{
			"id": o.ID, "title": o.Title.In(lang, first), "text": o.Text.In(lang, first), "url": o.URL, "image": o.Image,
		})
	}
	return texts
}

// sessionLife is how long the link to the preference page works (CONTRACTS
// section 3).
const sessionLife = 30 * time.Minute

// action is the one thing that a built-in mail asks for, and the text that she agrees
// to by it. Its link is minted here, when the mail is written: it stands in no item.
func (l *letter) action() (link, agreed string) {
	switch l.walk.Name {
	case journey.Confirm:
		c := l.confirmation()
		if n := l.rel.Notices[c.Notice]; n != nil {
			agreed = n.Text.In(l.lang(), l.live.Settings.Brand.First())
		}
		return l.links.Confirm(c), agreed
	case journey.Link:
		return l.links.Session(token.Session{
			Customer: l.customer, Nonce: l.due.Message, Expires: l.now.Add(sessionLife).UnixMilli(),
		}), ""
	}
	return "", ""
}

// confirmation grants what the request named, to this very address, for the very
// text she saw (A15).
func (l *letter) confirmation() token.Confirm {
	text := func(name string) string { s, _ := l.run.Entry.Props[name].(string); return s }
	_, hash, _ := message.Recipient(l.profile, l.due, l.now)
	c := token.Confirm{
		Customer: l.customer, Address: hash, Purpose: text("purpose"), Channel: text("channel"),
		Notice: text("notice"), Version: text("version"),
	}
	if asked := l.gate.Asked(plan.ChannelEmail, l.now.UnixMilli()); c.Purpose == "" && len(asked) > 0 {
		// A form that gave the address, and then asked: one mail for both.
		c.Purpose, c.Channel = consent.Split(asked[0])
		c.Notice = l.gate.States[asked[0]].Notice
	}
	if n, ok := l.rel.Notices[c.Notice]; ok && c.Version == "" {
		c.Version = n.Version
	}
	return c
}
