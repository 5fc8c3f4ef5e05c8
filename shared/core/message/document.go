package message

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/kesher-io/kesher/shared/core/message/liquid"
	"golang.org/x/net/html"
)

// frameHTML puts the frame around a body, which may be a whole document or a
// part of one.
func frameHTML(s *liquid.Source) error {
	if d := outline(s.Coded); d.htmlStart < 0 && d.headEnd < 0 && d.bodyStart < 0 {
		s.Coded = "<!doctype html><html><head></head><body>" + s.Coded + "</body></html>"
	}
	d := outline(s.Coded)
	if d.htmlStart < 0 || d.headEnd < 0 || d.bodyStart < 0 {
		return &liquid.Error{Part: s.Part, Message: "has some of <html>, <head> and <body> (write all three, or none and Kesher adds them)"}
	}
	f := &framer{source: s}
	f.frame(d)
	return f.err
}

// framer cuts a document at its joints and puts the frame in between.
type framer struct {
	source *liquid.Source
	out    strings.Builder
	pos    int // how much of the document is written
	err    error
}

func (f *framer) frame(d document) {
	doc := f.source.Coded
	f.copy(d.htmlStart)
	f.replace(d.htmlEnd, withoutLanguage.ReplaceAllString(strings.TrimSuffix(doc[d.htmlStart:d.htmlEnd], ">"), "")+frameLang+">")
	f.copy(d.headEnd)
	f.add(headOf(d))
	if d.titleStart >= 0 && !d.hasTitleText {
		f.copy(d.titleStart)
		f.replace(d.titleEnd, frameTitle)
	}
	f.copy(d.bodyStart)
	f.replace(d.bodyEnd, bodyTag(doc[d.bodyStart:d.bodyEnd]))
	f.add(framePreheader)
	if d.bodyClose < 0 {
		d.bodyClose = len(doc)
	}
	f.copy(d.bodyClose)
	f.add(strings.Replace(frameFooter, footerGroundMark, groundOf(doc[d.bodyStart:d.bodyEnd]).String(), 1))
	f.copy(len(doc))
	framed := f.out.String()
	for strings.Contains(framed, undetermined) {
		f.out.Reset()
		f.add(frameLang)
		framed = strings.Replace(framed, undetermined, f.out.String(), 1)
	}
	f.source.Coded = framed
}

// undetermined is what MJML writes on its article where it knows no language.
const undetermined = ` lang="und" dir="auto"`

func headOf(d document) string {
	head := frameHead
	if d.titleStart < 0 {
		head = frameTitle + head
	}
	if !d.hasViewport {
		head = frameViewport + head
	}
	if !d.hasCharset {
		head = frameCharset + head
	}
	return head
}

// copy writes the document up to pos.
func (f *framer) copy(pos int) {
	f.out.WriteString(f.source.Coded[f.pos:pos])
	f.pos = pos
}

// replace writes Liquid in place of the document up to pos.
func (f *framer) replace(pos int, snippet string) {
	f.add(snippet)
	f.pos = pos
}

// add writes Liquid, which may already hold coded tags.
func (f *framer) add(snippet string) {
	coded, err := f.source.Add(snippet)
	if err != nil && f.err == nil {
		f.err = err
	}
	f.out.WriteString(coded)
}

var (
	withoutLanguage = regexp.MustCompile(`(?i)\s(xml:lang|lang|dir)\s*=\s*("[^"]*"|'[^']*'|[^\s>]+)`)
	styleAttribute  = regexp.MustCompile(`(?i)(\sstyle\s*=\s*["'])`)
)

// bodyTag gives the start tag of the body explicit colours; its own come after
// ours and so win.
func bodyTag(tag string) string {
	if styleAttribute.MatchString(tag) {
		return styleAttribute.ReplaceAllString(tag, "${1}"+frameBodyStyle)
	}
	return strings.TrimSuffix(tag, ">") + ` style="` + frameBodyStyle + `">`
}

// Colours of the light footer, and the ground it has where the body's own would
// make them hard to read.
var (
	footerInk    = rgb{0x4b, 0x55, 0x63}
	footerLink   = rgb{0x1d, 0x4e, 0xd8}
	footerGround = rgb{0xf3, 0xf4, 0xf6}
)

var groundStyle = regexp.MustCompile(`(?i)background(?:-color)?\s*:\s*(#[0-9a-f]{3,6}|[a-z]+)`)

// groundOf is the colour on which the footer stands.
func groundOf(body string) rgb {
	m := groundStyle.FindAllStringSubmatch(body, -1)
	if len(m) == 0 {
		return footerGround
	}
	ground, ok := parseColor(m[len(m)-1][1])
	if !ok || contrast(footerInk, ground) < minContrast || contrast(footerLink, ground) < minContrast {
		return footerGround
	}
	return ground
}

// document marks where in an HTML text the parts of its skeleton stand; -1 =
// nowhere.
type document struct {
	htmlStart, htmlEnd   int // the start tag <html ...>
	headEnd              int // behind <head ...>
	titleStart, titleEnd int // <title>...</title>
	bodyStart, bodyEnd   int // the start tag <body ...>
	bodyClose            int // </body>
	hasTitleText         bool
	hasCharset           bool
	hasViewport          bool
}

// outline reads the skeleton of a document.
func outline(doc string) document {
	d := document{htmlStart: -1, headEnd: -1, titleStart: -1, bodyStart: -1, bodyClose: -1}
	z := html.NewTokenizer(strings.NewReader(doc))
	offset, inTitle := 0, false
	for {
		kind := z.Next()
		if kind == html.ErrorToken {
			return d
		}
		raw := bytes.ToLower(z.Raw())
		start, end := offset, offset+len(z.Raw())
		offset = end
		name, _ := z.TagName()
		switch tag := string(name); {
		case kind == html.TextToken:
			d.hasTitleText = d.hasTitleText || inTitle && len(bytes.TrimSpace(raw)) > 0
		case tag == "title":
			inTitle = kind == html.StartTagToken
			if inTitle && d.titleStart < 0 {
				d.titleStart = start
			}
			d.titleEnd = end
		case tag == "meta":
			d.hasCharset = d.hasCharset || bytes.Contains(raw, []byte("charset"))
			d.hasViewport = d.hasViewport || bytes.Contains(raw, []byte("viewport"))
		default:
			d.skeleton(kind, tag, start, end)
		}
	}
}

func (d *document) skeleton(kind html.TokenType, tag string, start, end int) {
	switch {
	case kind == html.EndTagToken && tag == "body":
		d.bodyClose = start
	case kind != html.StartTagToken:
	case tag == "html" && d.htmlStart < 0:
		d.htmlStart, d.htmlEnd = start, end
	case tag == "head" && d.headEnd < 0:
		d.headEnd = end
	case tag == "body" && d.bodyStart < 0:
		d.bodyStart, d.bodyEnd = start, end
	}
}
