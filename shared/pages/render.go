package pages

import (
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kesher-io/kesher/shared/core/plan"
)

//go:embed html/*.html
var files embed.FS

//go:embed style.css
var style string

// styleHash lets exactly this stylesheet stand in a page (CSP level 3, section
// 6.7.3.3): no nonce, so the same page has the same bytes.
var styleHash = func() string {
	sum := sha256.Sum256([]byte(style))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}()

// pageTemplate parses a page when it is first shown: most calls of a function
// show none.
func pageTemplate(name string) *template.Template {
	parsed, _ := templates.LoadOrStore(name, sync.OnceValue(func() *template.Template {
		return template.Must(template.ParseFS(files, "html/layout.html", "html/parts.html", "html/"+name+".html"))
	}))
	return parsed.(func() *template.Template)()
}

var templates sync.Map // name -> func() *template.Template

// view is what every page has.
type view struct {
	Title   string // key of a text, or
	Heading string // the text itself
	Data    any
	Wide    bool
	// Token is the one of the page's link, to ask for another; StopAll is where
	// "stop all" is posted (A05). Both may be empty.
	Token   string
	StopAll string

	Lang      string
	LangQuery template.URL // ?lang=he, when the language was chosen by hand
	Brand     plan.Brand
	Logo      string
	logoHost  string
	Others    []otherLang
	Style     template.CSS
}

// otherLang is a link to the same page in another language.
type otherLang struct {
	Lang, Dir, Name string
	Query           template.URL
}

// names of the languages, each in itself.
var names = map[string]string{"en": "English", "he": "עברית"}

// Dir is the page's direction.
func (v *view) Dir() string { return dir(v.Lang) }

func dir(lang string) string {
	if lang == "he" {
		return "rtl"
	}
	return "ltr"
}

// T is a text in the page's language.
func (v *view) T(key string) string { return texts[v.Lang][key] }

// show writes a page.
func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, name string, v *view) {
	v.Brand, v.Style = p.brand(r.Context()), template.CSS(style)
	if v.Lang == "" {
		v.Lang = wanted(r, spoken(v.Brand))
	}
	v.dress(r)
	var page bytes.Buffer
	if err := pageTemplate(name).ExecuteTemplate(&page, "page", v); err != nil {
		p.Log.Error("page failed", "page", name, "error", err)
		http.Error(w, texts["en"]["trouble.lead"], http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang)
	h.Set("Vary", "Accept-Language")
	if v.Logo != "" {
		h.Set("Content-Security-Policy", p.policy(v.logoHost))
	}
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(page.Bytes()) // the browser has gone: nobody to tell
	}
}

// dress sets what follows from the request and the brand.
func (v *view) dress(r *http.Request) {
	query := r.URL.Query()
	if query.Get("lang") == v.Lang {
		v.LangQuery = template.URL("?lang=" + v.Lang)
	}
	for _, lang := range spoken(v.Brand) {
		if lang == v.Lang {
			continue
		}
		query.Set("lang", lang)
		v.Others = append(v.Others, otherLang{Lang: lang, Dir: dir(lang), Name: names[lang], Query: template.URL(query.Encode())})
	}
	if u, err := url.Parse(v.Brand.Logo); err == nil && u.Scheme == "https" && u.Host != "" && !strings.ContainsAny(u.Host, " ;,'\"") {
		v.Logo, v.logoHost = u.String(), "https://"+u.Host
	}
}

// brand is who speaks; before the first publish, nobody in particular.
func (p *pages) brand(ctx context.Context) plan.Brand {
	rel, err := p.Releases.Live(ctx)
	if err != nil {
		return plan.Brand{Languages: []string{"en", "he"}}
	}
	return rel.Settings.Brand
}

// spoken are the brand's languages that these pages have words for, or English.
func spoken(b plan.Brand) []string {
	langs := slices.DeleteFunc(slices.Clone(b.Languages), func(lang string) bool { return texts[lang] == nil })
	if len(langs) == 0 {
		return []string{"en"}
	}
	return langs
}

// moment is a time for people and for machines.
type moment struct{ ISO, Text string }

// dates by language.
var dates = map[string]string{"en": "2 January 2006", "he": "2.1.2006"}

// day is a date in her zone; nil for none.
func day(ms int64, lang, zone string) *moment {
	if ms == 0 {
		return nil
	}
	loc, err := time.LoadLocation(zone)
	if err != nil {
		loc = time.UTC
	}
	t := time.UnixMilli(ms).In(loc)
	return &moment{ISO: t.Format(time.RFC3339), Text: t.Format(dates[lang])}
}
