package pages

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/plan"
)

// wanted is the language of a page: the one chosen by its link, else the one
// that the browser asks for most (RFC 9110 section 12.5.4), else the first. It
// never depends on whom the page is about.
func wanted(r *http.Request, spoken []string) string {
	if lang := r.URL.Query().Get("lang"); slices.Contains(spoken, lang) {
		return lang
	}
	best, weight := spoken[0], 0.0
	for part := range strings.SplitSeq(r.Header.Get("Accept-Language"), ",") {
		tag, params, _ := strings.Cut(part, ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(value, 64)
		}
		lang := plan.Brand{Languages: append([]string{""}, spoken...)}.Language(strings.TrimSpace(tag))
		if lang != "" && q > weight {
			best, weight = lang, q
		}
	}
	return best
}
