package pages

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxValue is what our forms let a person type: their maxlength.
const maxValue = 2000

// readForm reads a posted form; ok is false for one that no form of ours could
// have sent: longer than a person may type, or no text (E10).
func readForm(r *http.Request) (form url.Values, ok bool) {
	if err := r.ParseForm(); err != nil {
		return nil, false
	}
	for name, values := range r.PostForm {
		for _, text := range append(values, name) {
			if utf8.RuneCountInString(text) > maxValue || !utf8.ValidString(text) || strings.ContainsFunc(text, unprintable) {
				return nil, false
			}
		}
	}
	return r.PostForm, true
}

// unprintable are control characters but for the white space of a longer text.
func unprintable(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
