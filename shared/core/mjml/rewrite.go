package mjml

import (
	"regexp"
	"sort"
	"strings"
)

// Marks in the source that mend finds in the output.
const (
	rowStart = "\U0010F000" // before the first column of a section with Liquid between its columns
	cellEnd  = "\U0010F001" // behind each of its columns
	noData   = "\U0010F002" // first in an mj-table that has no header cells: a layout
)

// edit replaces a piece of the coded text.
type edit struct {
	start, end int
	text       string
}

// rewrite is the source that the compiler gets.
func (d *document) rewrite(lang string) string {
	var edits []edit
	for _, l := range d.loose {
		edits = append(edits, edit{l.start, l.end, "<mj-raw>" + d.coded[l.start:l.end] + "</mj-raw>"})
	}
	for i, e := range d.elements {
		switch {
		case e.name == "mjml":
			edits = append(edits, d.root(e, lang)...)
		case textElements[e.name] && e.name != "mj-raw" && !e.selfClosed:
			edits = append(edits, edit{e.inner, e.innerEnd, cdata(d.coded[e.inner:e.innerEnd], e.name)})
		case e.name == "mj-section" && e.hasLiquid:
			edits = append(edits, edit{e.inner, e.inner, "<mj-raw>" + rowStart + "</mj-raw>"})
			edits = append(edits, d.cellEnds(i)...)
		}
	}
	return apply(d.coded, edits)
}

// cdata keeps the content of a text element as it is written.
func cdata(inner, element string) string {
	inner = strings.ReplaceAll(strings.TrimSpace(inner), "]]>", "]]]]><![CDATA[>")
	if element == "mj-table" && !strings.Contains(inner, "<th") {
		inner = noData + inner
	}
	return "<![CDATA[" + inner + "]]>"
}

func (d *document) cellEnds(section int) []edit {
	var edits []edit
	for _, e := range d.elements {
		if e.parent == section && e.name == "mj-column" {
			edits = append(edits, edit{e.end, e.end, "<mj-raw>" + cellEnd + "</mj-raw>"})
		}
	}
	return edits
}

func apply(text string, edits []edit) string {
	sort.SliceStable(edits, func(i, j int) bool {
		if edits[i].start != edits[j].start {
			return edits[i].start < edits[j].start
		}
		return edits[i].end < edits[j].end // what is put in stands before what is replaced
	})
	var b strings.Builder
	pos := 0
	for _, e := range edits {
		b.WriteString(text[pos:e.start])
		b.WriteString(e.text)
		pos = e.end
	}
	b.WriteString(text[pos:])
	return b.String()
}

var languageAttributes = regexp.MustCompile(`\s(lang|dir)\s*=\s*("[^"]*"|'[^']*')`)

// rightToLeft are the languages written that way.
var rightToLeft = map[string]bool{"he": true, "iw": true, "ar": true, "fa": true, "ur": true, "yi": true}

// root sets the language of <mjml>, and puts defaults before the source's own
// attributes, which win: fonts that every machine has (the compiler's own would
// be fetched from a third party on every opening), and the right as the side
// where lines begin.
func (d *document) root(e element, lang string) []edit {
	start := d.coded[e.start:e.inner]
	isRTL := strings.Contains(strings.ReplaceAll(start, "'", `"`), `dir="rtl"`)
	if lang != "" {
		isRTL = rightToLeft[strings.ToLower(strings.SplitN(lang, "-", 2)[0])]
		dir := "ltr"
		if isRTL {
			dir = "rtl"
		}
		start = strings.TrimSuffix(languageAttributes.ReplaceAllString(start, ""), ">") + ` lang="` + lang + `" dir="` + dir + `">`
	}
	defaults := `<mj-attributes><mj-all font-family="Arial, Helvetica, sans-serif" />`
	if isRTL {
		defaults += `<mj-section direction="rtl" /><mj-group direction="rtl" /><mj-column direction="rtl" />` +
			`<mj-text align="right" /><mj-table align="right" /><mj-social align="right" /><mj-navbar align="right" />`
	}
	defaults += `</mj-attributes>`
	edits := []edit{{e.start, e.inner, start}}
	for _, head := range d.elements {
		if head.name == "mj-head" && !head.selfClosed {
			return append(edits, edit{head.inner, head.inner, defaults})
		}
	}
	return append(edits, edit{e.inner, e.inner, "<mj-head>" + defaults + "</mj-head>"})
}
