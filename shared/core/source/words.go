package source

import (
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/language"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// fault is what is wrong with a word, and what to do.
type fault struct{ what, do string }

func (f fault) Error() string { return f.what }

func wrong(what, do string) error { return fault{what, do} }

// text is any word or phrase; a number or date stands for what is written.
var text = word(schema{"type": "string"}, func(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", wrong("the text is empty", "write it, or delete the key")
	}
	return s, nil
})

// condition is an expression; what it may speak of is checked at compile time.
var condition = word(schema{"type": "string", "minLength": 1}, func(s string) (string, error) {
	if strings.TrimSpace(s) == "" {
		return "", wrong("the condition is empty", "write one, or delete the key")
	}
	return s, nil
})

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)

// id names something that stands in keys, file names and reports.
var id = word(schema{"type": "string", "pattern": namePattern.String()}, parseID)

func parseID(s string) (string, error) {
	if !namePattern.MatchString(s) {
		return "", wrong(fmt.Sprintf("%q is no name", s), "use up to 64 letters, digits, - and _")
	}
	return s, nil
}

// identifier names what conditions and templates speak of: profile.first_name.
// One with signs in it is theirs to write as event["unit-price"].
var identifier = word(schema{"type": "string"}, func(s string) (string, error) {
	if !identifierPattern.MatchString(s) {
		return "", wrong(fmt.Sprintf("%q can't be a name here", s), "begin with a letter, use letters, digits, -, _ and spaces")
	}
	return s, nil
})

var identifierPattern = regexp.MustCompile(`^[\p{L}_$][\p{L}\p{N}_$ -]{0,99}$`)

var duration = word(schema{"type": "string", "pattern": `^([0-9]+[smhdw])+$`}, parseDuration)

func parseDuration(s string) (plan.Duration, error) {
	d, err := plan.ParseDuration(s)
	if err != nil {
		return 0, wrong(fmt.Sprintf("%q is no duration", s), "write a number and s, m, h, d or w, for example 1h")
	}
	return d, nil
}

// enum is one word of a few.
func enum(words ...string) shape[string] {
	return word(schema{"type": "string", "enum": words}, func(s string) (string, error) { return enumWord(s, words...) })
}

func enumWord(s string, words ...string) (string, error) {
	if slices.Contains(words, s) {
		return s, nil
	}
	return "", wrong(fmt.Sprintf("%q is not known here", s), suggest(s, words))
}

var boolean = word(schema{"type": "boolean"}, func(s string) (bool, error) {
	switch s {
	case "true", "yes", "on":
		return true, nil
	case "false", "no", "off":
		return false, nil
	}
	return false, wrong(fmt.Sprintf("%q is neither true nor false", s), "")
})

var number = word(schema{"type": "number"}, func(s string) (float64, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return 0, wrong(fmt.Sprintf("%q is no number", s), "")
	}
	return f, nil
})

var count = word(schema{"type": "integer", "minimum": 1}, func(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, wrong(fmt.Sprintf("%q is no count", s), "write a whole number from 1 on")
	}
	return n, nil
})

// percent is read as a fraction.
var percent = word(schema{"type": "string", "pattern": `^[0-9]+(\.[0-9]+)?%$`}, func(s string) (float64, error) {
	digits, ok := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || f < 0 || f > 100 {
		return 0, wrong(fmt.Sprintf("%q is no share", s), "write it like 5%")
	}
	return f / 100, nil
})

var date = word(schema{"type": "string", "format": "date"}, func(s string) (string, error) {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return "", wrong(fmt.Sprintf("%q is no date", s), "write it like 2027-03-01")
	}
	return s, nil
})

// clockTime is a time of day, 21:00.
var clockTime = word(schema{"type": "string", "pattern": `^[0-2][0-9]:[0-5][0-9]$`}, func(s string) (string, error) {
	if _, err := time.Parse("15:04", s); err != nil || len(s) != len("21:00") {
		return "", wrong(fmt.Sprintf("%q is no time of day", s), "write it like \"21:00\"")
	}
	return s, nil
})

var zone = word(schema{"type": "string"}, func(s string) (string, error) {
	if _, err := time.LoadLocation(s); err != nil || s == "" || s == "Local" {
		return "", wrong(fmt.Sprintf("%q is no time zone", s), "write its IANA name, like Asia/Jerusalem")
	}
	return s, nil
})

// languageTag is a BCP 47 tag as HTML's lang attribute takes it.
var languageTag = word(schema{"type": "string"}, func(s string) (string, error) {
	if tag, err := language.Parse(s); err != nil || tag == language.Und {
		return "", wrong(fmt.Sprintf("%q is no language", s), "write its code, like en or he")
	}
	return s, nil
})

var webAddress = word(schema{"type": "string", "format": "uri"}, func(s string) (string, error) {
	if err := plan.Type("url").Accepts(s); err != nil {
		return "", wrong(fmt.Sprintf("%q is no web address", s), "write it in full, with https://")
	}
	return s, nil
})

// mailAddress is an address without a name.
var mailAddress = word(schema{"type": "string", "format": "email"}, func(s string) (string, error) {
	if err := plan.Type("email").Accepts(s); err != nil {
		return "", wrong(fmt.Sprintf("%q is no mail address", s), "write it like care@shop.example")
	}
	return s, nil
})

// mailbox is `Name <address>` or an address (RFC 5322 section 3.4).
var mailbox = word(schema{"type": "string"}, func(s string) (string, error) {
	if _, err := mail.ParseAddress(s); err != nil || strings.ContainsAny(s, "\r\n") {
		return "", wrong(fmt.Sprintf("%q is no sender", s), "write it like Shop <news@mail.shop.example>")
	}
	return s, nil
})

// texts is a text per language; a plain text is in the brand's first.
var texts = either(
	shape[plan.Text]{
		read: func(r *reader, n *yaml.Node) plan.Text {
			return plan.Text{r.language: text.read(r, n)}
		},
		schema: text.schema,
	},
	as(dict(languageTag, text), func(_ *reader, _ *yaml.Node, m map[string]string) plan.Text { return m }),
)

// typ is the type of a trait or property.
var typ = word(schema{"type": "string", "pattern": `^[a-z-]+(\([a-z-]+\))?$`}, func(s string) (plan.Type, error) {
	t := plan.Type(s)
	if !t.Known() {
		return "", wrong(fmt.Sprintf("there is no type %q", s), suggest(s, plan.Types()))
	}
	return t, nil
})

// free is any value, as JSON would give it.
var free = anyValue()

// properties are free values by name.
var properties = dict(text, free)

func anyValue() shape[any] {
	return shape[any]{read: readFree, schema: func(schemas) schema { return schema{} }}
}

func readFree(r *reader, n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		return dict(text, anyValue()).read(r, n)
	case yaml.SequenceNode:
		return list(anyValue()).read(r, n)
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return boolean.read(r, n)
	case "!!int", "!!float":
		if f, err := strconv.ParseFloat(n.Value, 64); err == nil {
			return f
		}
	}
	return n.Value
}
