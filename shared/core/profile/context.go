package profile

import (
	"strings"
)

// Locale is the language part of a BCP 47 tag, in today's spelling: he-IL and
// the iw of old Androids are he. ok is false for what is no tag.
func Locale(tag string) (lang string, ok bool) {
	lang, _, _ = strings.Cut(strings.ReplaceAll(tag, "_", "-"), "-")
	lang = strings.ToLower(lang)
	if len(lang) < 2 || len(lang) > 3 || strings.IndexFunc(lang, func(r rune) bool { return r < 'a' || r > 'z' }) >= 0 {
		return "", false
	}
	if modern, old := formerly[lang]; old {
		return modern, true
	}
	return lang, true
}

// formerly are language codes that ISO 639-1 replaced in 1989.
var formerly = map[string]string{"iw": "he", "in": "id", "ji": "yi"}
