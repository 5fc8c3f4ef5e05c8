package message

import (
	"net/mail"
	"strings"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	"github.com/kesher-io/kesher/shared/core/plan"
)

// frameName is the variable that the frame reads; templates can't name it.
const frameName = "kesher_frame"

// The frame is what the product adds to every body, in Liquid: language and
// direction, title, dark-mode meta and explicit colours (B18), preheader, and
// the legal footer. The light
// footer stands on the body's own colour where that can be read (see groundOf).
const (
	frameLang = ` lang="{{ kesher_frame.lang }}" dir="{{ kesher_frame.dir }}"`

	frameTitle = `<title>{{ kesher_frame.subject }}</title>`

	frameCharset  = `<meta charset="utf-8">`
	frameViewport = `<meta name="viewport" content="width=device-width,initial-scale=1">`

	frameHead = `<meta name="color-scheme" content="light dark">` +
		`<meta name="supported-color-schemes" content="light dark">` +
		`<meta name="format-detection" content="telephone=no,date=no,address=no,email=no">` +
		`<style>:root{color-scheme:light dark;supported-color-schemes:light dark}` +
		`@media (prefers-color-scheme:dark){.kesher-footer{background-color:#1f1f1f!important;color:#c9d1d9!important}` +
		`.kesher-footer a{color:#8ab4f8!important}}</style>`

	frameBodyStyle = `margin:0;padding:0;background-color:#ffffff;color:#1f2937;`

	framePreheader = `{% if kesher_frame.preheader %}<div style="display:none;max-height:0;max-width:0;overflow:hidden;opacity:0;mso-hide:all;font-size:1px;line-height:1px;">` +
		`{{ kesher_frame.preheader }}&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;&#847;&zwnj;&nbsp;</div>{% endif %}`

	frameFooter = `<table class="kesher-footer" role="presentation" width="100%" border="0" cellpadding="0" cellspacing="0"` +
		` style="background-color:` + footerGroundMark + `;color:#4b5563;"><tr><td align="center"` + frameLang +
		` style="padding:24px 16px;font-family:Arial,Helvetica,sans-serif;font-size:13px;line-height:21px;text-align:center;">` +
		`<strong>{{ kesher_frame.name }}</strong>` +
		`{% if kesher_frame.address %}<br>{{ kesher_frame.address }}{% endif %}` +
		`{% if kesher_frame.contact %}<br><a href="mailto:{{ kesher_frame.contact }}" style="color:#1d4ed8;">{{ kesher_frame.contact }}</a>{% endif %}` +
		`<br>{{ kesher_frame.why }}` +
		`{% if kesher_frame.preferences %}<br><a href="{{ kesher_frame.preferences }}" style="color:#1d4ed8;">{{ kesher_frame.preferences_label }}</a>{% endif %}` +
		`{% if kesher_frame.unsubscribe %}{% if kesher_frame.preferences %} &middot; {% else %}<br>{% endif %}` +
		`<a href="{{ kesher_frame.unsubscribe }}" style="color:#1d4ed8;">{{ kesher_frame.unsubscribe_label }}</a>{% endif %}` +
		`</td></tr></table>`

	frameTextFooter = "\n\n---\n{{ kesher_frame.name }}" +
		"{% if kesher_frame.address %}\n{{ kesher_frame.address }}{% endif %}" +
		"{% if kesher_frame.contact %}\n{{ kesher_frame.contact }}{% endif %}" +
		"\n{{ kesher_frame.why }}" +
		"{% if kesher_frame.preferences %}\n{{ kesher_frame.preferences_label }}: " + liquid.URLStart + "{{ kesher_frame.preferences }}" + liquid.URLEnd + "{% endif %}" +
		"{% if kesher_frame.unsubscribe %}\n{{ kesher_frame.unsubscribe_label }}: " + liquid.URLStart + "{{ kesher_frame.unsubscribe }}" + liquid.URLEnd + "{% endif %}"
)

// footerGroundMark stands for the colour of the footer's ground.
const footerGroundMark = "#ground"

// footerText is what the frame says in one language.
type footerText struct {
	preferences, unsubscribe string
	why, whyOf, whyService   string // whyOf holds %s: the purpose's title
}

var footerTexts = map[string]footerText{
	"en": {
		preferences: "Your preferences",
		unsubscribe: "Unsubscribe",
		why:         "You get this mail because you agreed to it. You can stop it at any time.",
		whyOf:       "You get this mail because you agreed to: %s. You can stop it at any time.",
		whyService:  "You get this mail because it concerns your order, your account or a request of yours.",
	},
	"he": {
		preferences: "ההעדפות שלך",
		unsubscribe: "הסרה מרשימת התפוצה",
		why:         "קיבלת הודעה זו כי הסכמת לכך. אפשר להפסיק בכל עת.",
		whyOf:       "קיבלת הודעה זו כי הסכמת ל: %s. אפשר להפסיק בכל עת.",
		whyService:  "קיבלת הודעה זו כי היא נוגעת להזמנה שלך, לחשבון שלך או לבקשה שלך.",
	},
}

// Speaks says whether what Kesher itself says under a mail is there in a language;
// elsewhere it is in English.
func Speaks(lang string) bool {
	_, ok := footerTexts[base(lang)]
	return ok
}

func footerIn(lang string) footerText {
	if t, ok := footerTexts[base(lang)]; ok {
		return t
	}
	return footerTexts["en"]
}

// frameValues is what the frame reads for one mail.
func frameValues(in RenderInput, out Rendered, preheader string) map[string]any {
	text := footerIn(out.Lang)
	v := map[string]any{
		"lang": out.Lang, "dir": out.Dir,
		"subject": liquid.Rendered(out.Subject), "preheader": nil,
		"name": in.Brand.Name, "address": orNil(in.Brand.PostalAddress), "contact": orNil(contact(in)),
		"why": text.reason(in, out.Lang), "preferences_label": text.preferences, "unsubscribe_label": text.unsubscribe,
		"preferences": orNil(in.Links.Preferences), "unsubscribe": nil,
	}
	if preheader != "" {
		v["preheader"] = liquid.Rendered(preheader)
	}
	if in.Purpose != plan.PurposeService {
		v["unsubscribe"] = orNil(in.Links.Unsubscribe)
	}
	return v
}

func (t footerText) reason(in RenderInput, lang string) string {
	title := pick(in.PurposeTitle, lang)
	switch {
	case in.Purpose == plan.PurposeService:
		return t.whyService
	case title != "":
		return strings.Replace(t.whyOf, "%s", title, 1)
	default:
		return t.why
	}
}

// contact is the address that answers: the reply address, else the sender's.
func contact(in RenderInput) string {
	for _, candidate := range []string{in.ReplyTo, in.Sender} {
		if a, err := mail.ParseAddress(candidate); err == nil {
			return a.Address
		}
	}
	return ""
}

// frameText adds the legal footer to a text.
func frameText(s *liquid.Source) error {
	footer, err := s.Add(frameTextFooter)
	if err != nil {
		return err
	}
	s.Coded = strings.TrimRight(s.Coded, " \n\r\t") + footer
	return nil
}
