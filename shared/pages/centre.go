package pages

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/consent"
	"github.com/kesher-io/kesher/shared/core/plan"
	"github.com/kesher-io/kesher/shared/core/token"
	"github.com/kesher-io/kesher/shared/flow/preferences"
)

// centreData is the preference centre as its template shows it. Every choice is
// a button that says what it does; nothing is ticked beforehand (A07).
type centreData struct {
	Form          string
	Address       string
	Pending       string
	Saved, Failed string // keys of texts
	Signal        *moment
	Suppressed    bool
	Permissions   []permissionData
	Topics        []preferences.Topic
	Paused        *moment
	Traits        []traitData
	Languages     []languageData
}

type permissionData struct {
	preferences.Permission
	On, CanStop    bool
	StateKey, What string
	Since          *moment
}

type traitData struct {
	preferences.Trait
	Value, For string
	OriginKey  string
	At         *moment
	Expires    *moment
	Members    []memberData // a list with known values: a button each
	Input      string       // else the type of its input; "" can't be changed here
	Raw        string
	Pattern    string
	CanDelete  bool
}

type memberData struct {
	Value, Title string
	In           bool
}

type languageData struct {
	Code, Name string
	Current    bool
}

// centre shows the preference centre; with failed, what was wrong.
func (p *pages) centre(w http.ResponseWriter, r *http.Request, c token.Cookie, status int, failed string) {
	if r.Header.Get("Sec-GPC") == "1" { // W3C Global Privacy Control, section 3.2
		if err := p.Flow.Signal(r.Context(), c, "gpc"); err != nil {
			p.trouble(w, r, "signal", err)
			return
		}
	}
	lang := ""
	if r.URL.Query().Has("lang") {
		lang = p.lang(r)
	}
	read, err := p.Flow.Centre(r.Context(), c, lang)
	if err != nil {
		p.trouble(w, r, "centre", err)
		return
	}
	if read == nil {
		p.expired(w, r)
		return
	}
	if texts[read.Lang] == nil {
		read.Lang = p.lang(r)
	}
	v := &view{Title: "p.title", Wide: true, Lang: read.Lang}
	data := p.centreData(v, read)
	data.Form, data.Failed = p.Ring.MintForm(c), failed
	if r.URL.Query().Has("saved") && failed == "" {
		data.Saved = "p.saved"
	}
	v.Data = data
	p.show(w, r, status, "centre", v)
}

func (p *pages) centreData(v *view, c *preferences.Centre) *centreData {
	date := func(ms int64) *moment { return day(ms, v.Lang, c.Zone) }
	data := &centreData{
		Address: c.Address, Pending: c.Pending, Signal: date(c.Signal), Suppressed: c.Suppressed, Topics: c.Topics, Paused: date(c.Paused),
	}
	for _, permission := range c.Permissions {
		data.Permissions = append(data.Permissions, showPermission(permission, date))
	}
	for _, t := range c.Traits {
		data.Traits = append(data.Traits, showTrait(v, t, date))
	}
	if len(c.Languages) > 1 {
		for _, code := range c.Languages {
			data.Languages = append(data.Languages, languageData{Code: code, Name: nameOf(code), Current: code == c.Chosen})
		}
	}
	return data
}

func nameOf(lang string) string {
	if name, ok := names[lang]; ok {
		return name
	}
	return lang
}

// stateKeys are the texts of the states.
var stateKeys = map[consent.State]string{
	consent.Unknown: "p.unknown", consent.Granted: "p.granted", consent.Pending: "p.pending",
	consent.Denied: "p.denied", consent.Withdrawn: "p.withdrawn",
}

func showPermission(read preferences.Permission, date func(int64) *moment) permissionData {
	out := permissionData{
		Permission: read, StateKey: stateKeys[read.State], Since: date(read.At), What: "p.what.data",
		On: read.Contract || read.State == consent.Granted,
	}
	if read.Channel != "" {
		out.What = "p.what." + read.Channel
	}
	if read.Contract {
		out.StateKey, out.What, out.Since = "p.always", "p.what.contract", nil
	}
	out.CanStop = !read.Contract && (read.State == consent.Granted || read.State == consent.Pending)
	return out
}

// originKeys are the texts of the origins.
var originKeys = map[string]string{plan.OriginZero: "p.zero", plan.OriginFirst: "p.first", plan.OriginDerived: "p.derived"}

func showTrait(v *view, t preferences.Trait, date func(int64) *moment) traitData {
	title := func(value string) string { return optionTitle(t, value) }
	out := traitData{
		Trait: t, Value: readable(v, t.Value, title), For: strings.Join(t.Purposes, ", "),
		OriginKey: originKeys[t.Origin], At: date(t.At), Expires: date(t.Expires),
		CanDelete: t.Spec.Type != "email", Raw: readable(v, t.Value, func(s string) string { return s }),
	}
	if elem, list := t.Spec.Type.Elem(); list {
		if elem == "string" {
			out.Members = members(t, title)
		}
		return out
	}
	out.Input, out.Pattern = inputOf(t.Spec)
	return out
}

func optionTitle(t preferences.Trait, value string) string {
	for _, o := range t.Options {
		if o.Value == value {
			return o.Title
		}
	}
	return value
}

// members are the known values of a list, and what else stands in it.
func members(t preferences.Trait, title func(string) string) []memberData {
	in := map[string]bool{}
	var list []memberData
	held, _ := t.Value.([]any)
	for _, value := range held {
		s := fmt.Sprint(value)
		in[s] = true
		list = append(list, memberData{Value: s, Title: title(s), In: true})
	}
	for _, s := range t.Spec.Values {
		if !in[s] {
			list = append(list, memberData{Value: s, Title: title(s)})
		}
	}
	return list
}

// inputOf is the kind of input for a value; an address is changed by a mail to
// the new one, and an object not by hand.
func inputOf(spec plan.Trait) (input, pattern string) {
	switch spec.Type {
	case "string":
		return "text", ""
	case "number", "integer":
		return "number", ""
	case "date":
		return "date", ""
	case "url":
		return "url", ""
	case "month-day":
		return "text", monthDay
	}
	return "", ""
}

// monthDay is the form of a month and day, such as 03-31.
const monthDay = "(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"

// readable is a value for people.
func readable(v *view, value any, title func(string) string) string {
	switch x := value.(type) {
	case string:
		return title(x)
	case bool:
		if x {
			return v.T("p.yes")
		}
		return v.T("p.no")
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case []any:
		parts := make([]string, len(x))
		for i, member := range x {
			parts[i] = readable(v, member, title)
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(value)
}
