package mjml

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	"golang.org/x/net/html"
)

// The conditional comments by which the compiler speaks to Outlook.
const (
	outlookStart = "<!--[if mso | IE]>"
	outlookEnd   = "<![endif]-->"
)

const (
	anyTag  = `[\x{F0000}-\x{FFFFF}]`
	between = `((?:` + anyTag + `|\s)*)`
)

var (
	conditional = regexp.MustCompile(`(?s)<!--\[if [^\]]*\]>(.*?)<!\[endif\]-->`)
	tagsInside  = regexp.MustCompile(anyTag + `+`)
	firstCell   = regexp.MustCompile(rowStart + between + regexp.QuoteMeta(outlookStart) + `(<table [^>]*><tr>)`)
	lastCell    = regexp.MustCompile(cellEnd + between + regexp.QuoteMeta(outlookStart) + `</td>`)
	emptyNote   = regexp.MustCompile(regexp.QuoteMeta(outlookStart) + `\s*` + regexp.QuoteMeta(outlookEnd))
	layoutTable = regexp.MustCompile(`<table ([^>]*>)` + noData)
)

// mend puts right what the compiler leaves out or chains together.
func mend(out string) string {
	out = layoutTable.ReplaceAllString(out, `<table role="presentation" $1`)
	return mendOutlook(strings.ReplaceAll(out, noData, ""))
}

// mendOutlook takes Liquid out of the middle of what the compiler chains for
// Outlook: one table row for all columns of a section, begun by the first
// column and ended by the last, and one comment from the end of a section to
// the beginning of the next. What a loop repeats must be whole.
func mendOutlook(out string) string {
	out = firstCell.ReplaceAllString(out, outlookStart+"$2"+outlookEnd+"$1"+outlookStart)
	out = lastCell.ReplaceAllString(out, outlookStart+"</td>"+outlookEnd+"$1"+outlookStart)
	out = strings.NewReplacer(rowStart, "", cellEnd, "").Replace(out)
	out = conditional.ReplaceAllStringFunc(out, func(comment string) string {
		return splitAtTags(comment)
	})
	return emptyNote.ReplaceAllString(out, "")
}

// splitAtTags ends a comment before a block's tag and begins it anew behind;
// tags inside of attributes stay.
func splitAtTags(comment string) string {
	if !strings.HasPrefix(comment, outlookStart) {
		return comment
	}
	inside := false // of an HTML tag
	var b strings.Builder
	for _, r := range comment[len(outlookStart) : len(comment)-len(outlookEnd)] {
		switch {
		case r == '<':
			inside = true
		case r == '>':
			inside = false
		case isTag(r) && !inside:
			b.WriteString(outlookEnd + string(r) + outlookStart)
			continue
		}
		b.WriteRune(r)
	}
	return outlookStart + b.String() + outlookEnd
}

func isTag(r rune) bool { return tagsInside.MatchString(string(r)) }

// checkTags proves that compiling lost no Liquid tag and doubled none that
// stands in text.
func (d *document) checkTags(out string) error {
	counts := map[rune]int{}
	for _, r := range out {
		counts[r]++
	}
	for i, r := range d.coded {
		tag, ok := d.liquid.Decode(r)
		if !ok {
			continue
		}
		if counts[r] == 0 {
			return d.errorAt(i, "%s does not survive here: MJML drops it (move it into a text, or around a whole element)", tag.Raw)
		}
		if counts[r] > 1 && !tag.Output && d.inText(i) {
			return d.errorAt(i, "%s may not stand here: MJML repeats it (move it into a text, or around a whole element)", tag.Raw)
		}
	}
	return nil
}

// inText: not inside of a start tag.
func (d *document) inText(offset int) bool {
	for _, e := range d.elements {
		if offset > e.start && offset < e.inner {
			return false
		}
	}
	return true
}

// checkBlocks proves that every branch of a block opens and closes the same
// elements, for readers that skip conditional comments and for Outlook, which
// reads them.
func (d *document) checkBlocks(out string) error {
	for _, view := range []string{conditional.ReplaceAllString(out, ""), conditional.ReplaceAllString(out, "$1")} {
		if err := d.checkView(view); err != nil {
			return err
		}
	}
	return nil
}

// block is an open Liquid block: the elements open where it began.
type block struct {
	tag  *liquid.Tag
	open string
}

func (d *document) checkView(view string) error {
	v := &viewer{document: d}
	z := html.NewTokenizer(strings.NewReader(view))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return nil
		case html.TextToken:
			if err := v.text(string(z.Raw())); err != nil {
				return err
			}
		case html.StartTagToken:
			if name, _ := z.TagName(); !isVoid[string(name)] {
				v.open = append(v.open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			v.close(string(name))
		}
	}
}

var isVoid = map[string]bool{"br": true, "hr": true, "img": true, "input": true, "meta": true, "link": true, "col": true, "area": true, "wbr": true}

type viewer struct {
	*document
	open   []string
	blocks []block
}

// close ends the innermost element of that name; elements whose end tags HTML
// lets one leave out may stand between.
func (v *viewer) close(name string) {
	for i := len(v.open) - 1; i >= 0; i-- {
		if v.open[i] == name {
			v.open = v.open[:i]
			return
		}
		if !endsByItself[v.open[i]] {
			break
		}
	}
	v.open = append(v.open, "/"+name) // closes what a block opened elsewhere
}

var endsByItself = map[string]bool{"p": true, "li": true, "dd": true, "dt": true, "td": true, "th": true, "tr": true, "tbody": true}

func (v *viewer) text(text string) error {
	for _, r := range text {
		tag, ok := v.liquid.Decode(r)
		if !ok || tag.Output {
			continue
		}
		now := strings.Join(v.open, " ")
		switch {
		case strings.HasPrefix(tag.Name, "end") && len(v.blocks) > 0:
			if err := v.same(tag, now); err != nil {
				return err
			}
			v.blocks = v.blocks[:len(v.blocks)-1]
		case tag.Name == "else" || tag.Name == "elsif" || tag.Name == "when":
			if err := v.same(tag, now); err != nil {
				return err
			}
		case tag.Name == "if" || tag.Name == "unless" || tag.Name == "for" || tag.Name == "case" || tag.Name == "capture":
			v.blocks = append(v.blocks, block{tag, now})
		}
	}
	return nil
}

func (v *viewer) same(tag *liquid.Tag, now string) error {
	if len(v.blocks) == 0 || v.blocks[len(v.blocks)-1].open == now {
		return nil
	}
	begun := v.blocks[len(v.blocks)-1].tag
	at := strings.Index(v.coded, string(v.code(begun)))
	return v.errorAt(at, "%s and %s do not hold whole elements here (put the block around whole sections or columns, or inside one text)", begun.Raw, tag.Raw)
}

// code is the character of a tag.
func (v *viewer) code(tag *liquid.Tag) string {
	for i := range v.liquid.Tags {
		if &v.liquid.Tags[i] == tag {
			return liquid.Code(i)
		}
	}
	return fmt.Sprint(tag.Raw)
}

// suggest names the element that was probably meant.
func suggest(name string) string {
	best, distance := "", 4
	for _, group := range children {
		for _, known := range group {
			if n := edits(name, known); n < distance || n == distance && known < best {
				best, distance = known, n
			}
		}
	}
	if best == "" || distance > 3 {
		return ""
	}
	return " (did you mean <" + best + ">?)"
}

// edits is the Levenshtein distance.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(row[j]+1, above+1, diagonal+cost)
			diagonal = above
		}
	}
	return row[len(b)]
}
