package plan

import "strings"

// In is the text in a language, or in the first of the others that has one: a
// customer's language first, then the brand's.
func (t Text) In(languages ...string) string {
	for _, lang := range languages {
		if s, ok := t[lang]; ok {
			return s
		}
	}
	return ""
}

// Language is the brand's language for a locale: he-IL speaks he, and one that
// the brand does not speak gets its first.
func (b Brand) Language(locale string) string {
	base, _, _ := strings.Cut(strings.ReplaceAll(locale, "_", "-"), "-")
	base = strings.ToLower(base)
	if base == "iw" { // the code of Hebrew before 1989, still sent by old Androids
		base = "he"
	}
	for _, lang := range b.Languages {
		if strings.EqualFold(lang, locale) || strings.EqualFold(lang, base) {
			return lang
		}
	}
	return b.First()
}

// First is the brand's first language, that every text falls back to.
func (b Brand) First() string {
	if len(b.Languages) == 0 {
		return "en"
	}
	return b.Languages[0]
}
