package pages

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// showKnock is the page behind a /p/ link. It touches nothing: it looks at the
// link alone, and a forged one shows the page of a long-lived one.
func (p *pages) showKnock(w http.ResponseWriter, r *http.Request) {
	if _, ok := p.Ring.OpenSession(r.PathValue("token")); ok {
		p.show(w, r, http.StatusOK, "redeem", &view{Title: "address.title", StopAll: p.stopAll(shortToken(r))})
		return
	}
	p.show(w, r, http.StatusOK, "knock", &view{Title: "address.title", Token: shortToken(r), StopAll: p.stopAll(shortToken(r))})
}

// stopAll is where a page posts "stop all" for whom its link names (A05).
func (p *pages) stopAll(text string) string { return token.PathUnsubscribe + p.Flow.StopToken(text) }

// knock redeems a single-use link for a session, or mails one to whom a
// long-lived link names.
func (p *pages) knock(w http.ResponseWriter, r *http.Request) {
	text := r.PathValue("token")
	if _, ok := p.Ring.OpenSession(text); !ok {
		p.mailLink(w, r, func() error { return p.Flow.MailLinkTo(r.Context(), text) })
		return
	}
	c, ok, err := p.Flow.Redeem(r.Context(), text)
	switch {
	case err != nil:
		p.trouble(w, r, "redeem", err)
	case !ok:
		p.show(w, r, http.StatusOK, "notice", &view{Title: "spent.title", Token: shortToken(r), Data: notice{Lead: "spent.lead", AskLink: true}})
	default:
		p.setCookie(w, c)
		p.redirect(w, "/p"+keepLang(r), http.StatusSeeOther)
	}
}

// mailLink answers the same whether or not anybody was mailed (E08).
func (p *pages) mailLink(w http.ResponseWriter, r *http.Request, mail func() error) {
	if err := mail(); err != nil {
		p.trouble(w, r, "link", err)
		return
	}
	p.show(w, r, http.StatusOK, "notice", &view{Title: "sent.title", Data: notice{Lead: "sent.lead", Done: true}})
}

// showPreferences is the centre under a session, else the form that asks for a link.
func (p *pages) showPreferences(w http.ResponseWriter, r *http.Request) {
	c, ok := p.cookie(r)
	if !ok {
		p.show(w, r, http.StatusOK, "address", &view{Title: "address.title"})
		return
	}
	p.centre(w, r, c, http.StatusOK, "")
}

// postPreferences mails a link, or changes something under a session.
func (p *pages) postPreferences(w http.ResponseWriter, r *http.Request) {
	form, ok := readForm(r)
	if !ok {
		p.show(w, r, http.StatusBadRequest, "address", &view{Title: "address.title"})
		return
	}
	switch {
	case form.Get("do") != "":
		p.change(w, r, form)
	case form.Has("token"):
		p.mailLink(w, r, func() error { return p.Flow.MailLinkTo(r.Context(), form.Get("token")) })
	case form.Get("address") != "":
		p.mailLink(w, r, func() error { return p.Flow.MailLink(r.Context(), form.Get("address")) })
	default:
		p.show(w, r, http.StatusOK, "address", &view{Title: "address.title"})
	}
}

// change needs the cookie and the hidden field that belongs to it: another
// site's form has neither (E11).
func (p *pages) change(w http.ResponseWriter, r *http.Request, form url.Values) {
	c, ok := p.cookie(r)
	if !ok || !p.Ring.ChecksForm(c, form.Get("form")) {
		p.expired(w, r)
		return
	}
	if form.Get("do") == "out" {
		p.dropCookie(w)
		p.show(w, r, http.StatusOK, "notice", &view{Title: "out.title", Data: notice{Lead: "out.lead", Done: true}})
		return
	}
	change, ok := changeOf(form)
	err := preferences.ErrRefused
	if ok {
		err = p.Flow.Change(r.Context(), c, p.lang(r), change)
	}
	switch {
	case errors.Is(err, preferences.ErrSession):
		p.expired(w, r)
	case errors.Is(err, preferences.ErrRefused):
		p.centre(w, r, c, http.StatusUnprocessableEntity, "p.failed")
	case err != nil:
		p.trouble(w, r, "change", err)
	case change.Erase:
		p.dropCookie(w)
		p.show(w, r, http.StatusOK, "notice", &view{Title: "erased.title", Data: notice{Lead: "erased.lead", Done: true}})
	default: // and a reload does not do it again
		p.redirect(w, "/p"+saved(r, change), http.StatusSeeOther)
	}
}

func (p *pages) expired(w http.ResponseWriter, r *http.Request) {
	p.dropCookie(w)
	p.show(w, r, http.StatusForbidden, "notice", &view{Title: "expired.title", Data: notice{Lead: "expired.lead"}})
}

// changeOf reads what a button of the centre posts.
func changeOf(form url.Values) (preferences.Change, bool) {
	choice := &preferences.Choice{
		Purpose: form.Get("purpose"), Channel: form.Get("channel"), Notice: form.Get("notice"), Version: form.Get("version"),
	}
	switch form.Get("do") {
	case "grant":
		return preferences.Change{Grant: choice}, true
	case "withdraw":
		return preferences.Change{Withdraw: choice}, true
	case "stop":
		return preferences.Change{StopAll: true}, true
	case "topic":
		return preferences.Change{Topic: &preferences.TopicChange{Topic: form.Get("topic"), On: form.Get("on") == "yes"}}, true
	case "pause":
		days, err := strconv.Atoi(form.Get("days"))
		return preferences.Change{Pause: &days}, err == nil
	case "language":
		return preferences.Change{Language: form.Get("lang")}, form.Get("lang") != ""
	case "trait":
		return preferences.Change{Trait: &preferences.TraitChange{Name: form.Get("trait"), Text: form.Get("value")}}, true
	case "member":
		t := &preferences.TraitChange{Name: form.Get("trait"), Add: form.Get("add"), Remove: form.Get("remove")}
		return preferences.Change{Trait: t}, t.Add != "" || t.Remove != ""
	case "forget":
		return preferences.Change{Forget: form.Get("trait")}, form.Get("trait") != ""
	case "address":
		return preferences.Change{Address: form.Get("address")}, form.Get("address") != ""
	case "erase":
		return preferences.Change{Erase: true}, true
	}
	return preferences.Change{}, false
}

// saved is the query of the page after a change. A new language shows itself.
func saved(r *http.Request, c preferences.Change) string {
	lang := r.URL.Query().Get("lang")
	if c.Language != "" {
		lang = c.Language
	}
	query := url.Values{"saved": {"yes"}}
	if texts[lang] != nil {
		query.Set("lang", lang)
	}
	return "?" + query.Encode()
}

func keepLang(r *http.Request) string {
	lang := r.URL.Query().Get("lang")
	if texts[lang] == nil {
		return ""
	}
	return "?lang=" + lang
}

// lang is the language that a page under this request speaks.
func (p *pages) lang(r *http.Request) string { return wanted(r, spoken(p.brand(r.Context()))) }
