package message

import (
	"strconv"
	"strings"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	"golang.org/x/net/html"
)

// Text makes a plain text of HTML: its words in lines and paragraphs, every
// link behind its label.
func Text(src string) string {
	text := textOfHTML(src, func(rune) bool { return false })
	return tidy(withoutURLMarks.Replace(text))
}

var withoutURLMarks = strings.NewReplacer(liquid.URLStart, "", liquid.URLEnd, "")

// tidy takes out what loops and conditions left: spaces at line ends, runs of
// empty lines, and those at the beginning and the end.
func tidy(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	empty := 0 // lines since the last one with words
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if line == "" {
			empty++
			continue
		}
		if empty > 0 && b.Len() > 0 {
			b.WriteByte('\n')
		}
		empty = 0
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String()
}

// textWriter lays out the text of an HTML document. Liquid tags are single
// private-use characters in it (package liquid): an output passes as a word;
// space that is due is written before the tag of a block, so that each branch
// and each turn of a loop brings its own.
type textWriter struct {
	out      strings.Builder
	isBlock  func(rune) bool
	breaks   int // line breaks due before the next word
	ended    int // line breaks at the end of the output
	space    bool
	written  bool // something stands in this line
	hidden   int  // depth inside something that is not shown
	stack    []string
	links    []*link
	ordinals []int // of open lists; 0 = bullets
}

// link is an open <a>.
type link struct {
	href  string
	start int // length of the output at its beginning
	alt   string
}

func textOfHTML(src string, isBlock func(rune) bool) string {
	w := &textWriter{isBlock: isBlock}
	z := html.NewTokenizer(strings.NewReader(src))
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			return w.out.String()
		case html.TextToken:
			if w.hidden == 0 {
				w.words(string(z.Text()))
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			token := z.Token()
			w.open(token, kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			name, _ := z.TagName()
			w.close(string(name))
		}
	}
}

// voidElements have no end tag (HTML Standard 13.1.2).
var voidElements = map[string]bool{
	"area": true, "base": true, "br": true, "col": true, "embed": true, "hr": true, "img": true,
	"input": true, "link": true, "meta": true, "source": true, "track": true, "wbr": true,
}

var unseen = map[string]bool{"head": true, "style": true, "script": true, "title": true, "noscript": true}

// breaksAround says how many line breaks separate an element from its neighbours.
var breaksAround = map[string]int{
	"p": 2, "h1": 2, "h2": 2, "h3": 2, "h4": 2, "h5": 2, "h6": 2, "ul": 2, "ol": 2, "blockquote": 2, "pre": 2, "table": 2,
	"div": 1, "tr": 1, "li": 1, "section": 1, "article": 1, "header": 1, "footer": 1, "tbody": 1,
	"thead": 1, "center": 1, "body": 1, "dl": 1, "dt": 1, "dd": 1, "figure": 1, "figcaption": 1, "address": 1,
}

func (w *textWriter) open(token html.Token, selfClosing bool) {
	name := token.Data
	if !voidElements[name] && !selfClosing {
		w.stack = append(w.stack, name)
		if w.hidden > 0 || unseen[name] || isHidden(token) {
			w.hidden++
		}
	}
	if w.hidden > 0 {
		return
	}
	w.due(breaksAround[name])
	switch name {
	case "br":
		w.lineBreak()
	case "hr":
		w.due(1)
		w.words("---")
		w.due(1)
	case "img":
		w.image(attr(token, "alt"))
	case "td", "th":
		w.space = w.space || w.written
	case "ul":
		w.ordinals = append(w.ordinals, 0)
	case "ol":
		w.ordinals = append(w.ordinals, 1)
	case "li":
		w.words(w.bullet())
		w.space = true
	case "a":
		w.flush()
		w.links = append(w.links, &link{href: attr(token, "href"), start: w.out.Len()})
	}
}

func isHidden(token html.Token) bool {
	style := strings.ReplaceAll(strings.ToLower(attr(token, "style")), " ", "")
	return strings.Contains(style, "display:none")
}

func attr(token html.Token, name string) string {
	for _, a := range token.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// close ends an element, and what was left open inside it.
func (w *textWriter) close(name string) {
	for i := len(w.stack) - 1; i >= 0; i-- {
		if w.stack[i] != name {
			continue
		}
		for len(w.stack) > i {
			last := w.stack[len(w.stack)-1]
			w.stack = w.stack[:len(w.stack)-1]
			w.closeOne(last)
		}
		return
	}
}

func (w *textWriter) closeOne(name string) {
	if w.hidden > 0 {
		w.hidden--
		return
	}
	switch name {
	case "a":
		w.closeLink()
	case "ul", "ol":
		w.ordinals = w.ordinals[:len(w.ordinals)-1]
	}
	w.due(breaksAround[name])
}

func (w *textWriter) bullet() string {
	if len(w.ordinals) == 0 || w.ordinals[len(w.ordinals)-1] == 0 {
		return "-"
	}
	n := &w.ordinals[len(w.ordinals)-1]
	*n++
	return strconv.Itoa(*n-1) + "."
}

// closeLink writes the address behind the label, in angle brackets as RFC 3986
// appendix C asks for; alone where the label is the address or there is none.
func (w *textWriter) closeLink() {
	l := w.links[len(w.links)-1]
	w.links = w.links[:len(w.links)-1]
	label := strings.TrimSpace(w.out.String()[l.start:])
	if label == "" && l.alt != "" {
		w.words(l.alt)
		label = l.alt
	}
	switch {
	case l.href == "" || strings.HasPrefix(l.href, "#"):
	case label == l.href:
	case label == "":
		w.address(l.href)
	default:
		w.space = w.breaks == 0
		w.breaks = 0
		w.word("<")
		w.out.WriteString(liquid.URLStart + l.href + liquid.URLEnd + ">")
	}
}

func (w *textWriter) address(href string) {
	w.word("")
	w.out.WriteString(liquid.URLStart + href + liquid.URLEnd)
}

// image stands for itself only inside a link that has no words.
func (w *textWriter) image(alt string) {
	if len(w.links) > 0 {
		w.links[len(w.links)-1].alt = strings.TrimSpace(alt)
	}
}

// due asks for n line breaks before the next word, less those already there.
func (w *textWriter) due(n int) {
	if w.out.Len() > 0 {
		w.breaks = max(w.breaks, n-w.ended)
	}
}

func (w *textWriter) lineBreak() {
	w.breaks++
	w.space = false
}

// flush writes the space that is due.
func (w *textWriter) flush() {
	switch {
	case w.breaks > 0:
		n := min(w.breaks, 2)
		w.out.WriteString(strings.Repeat("\n", n))
		w.ended += n
		w.written = false
	case w.space && w.written:
		w.out.WriteByte(' ')
	}
	w.breaks, w.space = 0, false
}

// words writes a run of text, its white space collapsed.
func (w *textWriter) words(text string) {
	start := -1
	end := func(i int) {
		if start >= 0 {
			w.word(text[start:i])
		}
		start = -1
	}
	for i, r := range text {
		switch {
		case w.isBlock(r):
			end(i)
			w.flush()
			w.out.WriteRune(r)
		case r == ' ' || r == '\n' || r == '\t' || r == '\r' || r == '\f':
			end(i)
			w.space = w.space || w.written
		case start < 0:
			start = i
		}
	}
	end(len(text))
}

func (w *textWriter) word(word string) {
	w.flush()
	w.out.WriteString(word)
	w.written, w.ended = true, 0
}
