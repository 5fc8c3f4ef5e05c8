package liquid

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits of a source.
const (
	maxSource     = 256 << 10 // bytes of one part
	maxTags       = 5000
	maxExpression = 1000 // bytes between {{ and }}
	maxNesting    = 20
)

// codeBase is the first of the private-use characters (plane 15) that stand for
// tags in a coded text: the code of tag n is codeBase + n.
const codeBase = 0xF0000

// Tag is one {{ output }} or one {% tag %}.
type Tag struct {
	Output bool
	Name   string // if, for, ...; empty for an output
	Args   string // the expression
	Line   int
	Raw    string // as written
	Offset int    // of its first byte in the source
	trimL  bool   // {{- or {%-
	trimR  bool   // -}} or -%}
}

// Source is a scanned template.
type Source struct {
	Part  string
	Coded string // the text, every tag one character (see Code)
	Tags  []Tag
}

// Code is the character that stands for tag n.
func Code(n int) string { return string(rune(codeBase + n)) }

// Decode says which tag a character of a coded text stands for.
func (s *Source) Decode(r rune) (*Tag, bool) {
	n := int(r) - codeBase
	if n < 0 || n >= len(s.Tags) {
		return nil, false
	}
	return &s.Tags[n], true
}

// IsBlock says whether a character of a coded text stands for a {% tag %}.
func (s *Source) IsBlock(r rune) bool {
	tag, ok := s.Decode(r)
	return ok && !tag.Output
}

// Shown is a part of a coded text with its tags as they were written.
func (s *Source) Shown(coded string) string {
	var b strings.Builder
	for _, r := range coded {
		if tag, ok := s.Decode(r); ok {
			b.WriteString(tag.Raw)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Add scans a snippet of the product's own, and returns its coded text, to be
// put into another text of the same tags by With.
func (s *Source) Add(snippet string) (string, error) {
	sc := &scanner{part: s.Part, src: snippet, line: 1, first: len(s.Tags)}
	for sc.pos < len(snippet) {
		if err := sc.next(); err != nil {
			return "", err
		}
	}
	s.Tags = append(s.Tags, sc.tags...)
	return sc.out.String(), nil
}

// order lists the tags as they stand in the coded text.
func (s *Source) order() []int {
	var out []int
	for _, r := range s.Coded {
		if _, ok := s.Decode(r); ok {
			out = append(out, int(r)-codeBase)
		}
	}
	return out
}

// With is the same source with another text around its tags.
func (s *Source) With(coded string) *Source {
	return &Source{Part: s.Part, Coded: coded, Tags: s.Tags}
}

// LineMark is a tag that prints nothing and says that what follows stands in
// that line of the file it was made from: core/mjml writes it, so that errors
// name the marketer's line and not one of the generated HTML.
func LineMark(line int) string { return fmt.Sprintf("{%%# line %d %%}", line) }

var inlineComment = regexp.MustCompile(`^\{%-?\s*#`)

var lineMark = regexp.MustCompile(`^# line (\d+)$`)

// scanner walks over a source once.
type scanner struct {
	part, src string
	pos, line int
	marked    int // line given by a LineMark for the next tag, or 0
	first     int // number of the first tag
	out       strings.Builder
	tags      []Tag
}

// Scan reads a template. Comments vanish, {% raw %} becomes plain text.
func Scan(part, src string) (*Source, error) {
	s := &scanner{part: part, src: src, line: 1}
	if err := s.admit(); err != nil {
		return nil, err
	}
	for s.pos < len(src) {
		if err := s.next(); err != nil {
			return nil, err
		}
	}
	return &Source{Part: part, Coded: s.out.String(), Tags: s.tags}, nil
}

// admit refuses what no template needs and what would confuse the coding.
func (s *scanner) admit() error {
	if len(s.src) > maxSource {
		return s.errorf("is %d KB, at most %d are taken", len(s.src)>>10, maxSource>>10)
	}
	if !utf8.ValidString(s.src) {
		return s.errorf("is not UTF-8 (save the file as UTF-8)")
	}
	for _, r := range s.src {
		if r >= codeBase || (r < ' ' && r != '\n' && r != '\r' && r != '\t') || r == 0x7f {
			return s.errorf("holds the character U+%04X, which no mail may hold", r)
		}
	}
	return nil
}

func (s *scanner) errorf(format string, args ...any) *Error {
	return &Error{Part: s.part, Line: s.lineNow(), Message: fmt.Sprintf(format, args...)}
}

func (s *scanner) lineNow() int {
	if s.marked > 0 {
		return s.marked
	}
	return s.line
}

// next copies text up to the next tag, then takes the tag.
func (s *scanner) next() error {
	rest := s.src[s.pos:]
	i := nextOpening(rest)
	if i < 0 {
		s.text(rest)
		return nil
	}
	s.text(rest[:i])
	return s.tag(rest[i:])
}

// nextOpening is the index of the next {{ or {%, or -1.
func nextOpening(text string) int {
	for i := 0; i+1 < len(text); i++ {
		if text[i] == '{' && (text[i+1] == '{' || text[i+1] == '%') {
			return i
		}
	}
	return -1
}

func (s *scanner) text(text string) {
	s.out.WriteString(text)
	s.skip(text)
}

func (s *scanner) skip(text string) {
	s.pos += len(text)
	s.line += strings.Count(text, "\n")
}

func (s *scanner) tag(rest string) error {
	closing := "}}"
	if rest[1] == '%' {
		closing = "%}"
	}
	end := indexOutsideQuotes(rest[2:], closing)
	if inlineComment.MatchString(rest) { // free text: its apostrophes are no quotes
		end = strings.Index(rest[2:], closing)
	}
	if end < 0 {
		return s.errorf("%s is never closed (write %s)", rest[:2], closing)
	}
	raw := rest[:2+end+2]
	tag := s.parse(raw)
	switch {
	case strings.HasPrefix(tag.Args, "#") || strings.HasPrefix(tag.Name, "#"):
		s.skip(raw)
		if m := lineMark.FindStringSubmatch(tag.Name + tag.Args); m != nil {
			s.marked, _ = strconv.Atoi(m[1])
		}
		return nil
	case tag.Name == "comment":
		s.skip(raw)
		return s.swallow("endcomment", false)
	case tag.Name == "raw":
		s.skip(raw)
		return s.swallow("endraw", true)
	}
	if err := s.take(tag); err != nil {
		return err
	}
	s.marked = 0
	s.skip(raw)
	return nil
}

func (s *scanner) parse(raw string) Tag {
	inner := raw[2 : len(raw)-2]
	tag := Tag{Output: raw[1] == '{', Raw: raw, Line: s.lineNow(), Offset: s.pos}
	if after, ok := strings.CutPrefix(inner, "-"); ok {
		inner, tag.trimL = after, true
	}
	if before, ok := strings.CutSuffix(inner, "-"); ok {
		inner, tag.trimR = before, true
	}
	// The library's own scanner knows no line breaks inside {{ }}.
	inner = strings.Join(strings.FieldsFunc(inner, func(r rune) bool { return r == '\n' || r == '\r' }), " ")
	inner = strings.TrimSpace(inner)
	if tag.Output {
		tag.Args = inner
		return tag
	}
	if strings.HasPrefix(inner, "#") {
		tag.Name = inner
		return tag
	}
	name, args, _ := strings.Cut(inner, " ")
	tag.Name, tag.Args = name, strings.TrimSpace(args)
	return tag
}

func (s *scanner) take(tag Tag) error {
	if len(tag.Args) > maxExpression {
		return s.errorf("%.40s... is %d bytes long, at most %d are taken", tag.Raw, len(tag.Args), maxExpression)
	}
	if tag.Output && tag.Args == "" {
		return s.errorf("%s is empty (name a variable, or take it out)", tag.Raw)
	}
	if len(s.tags) == maxTags {
		return s.errorf("has more than %d tags", maxTags)
	}
	s.out.WriteString(Code(s.first + len(s.tags)))
	s.tags = append(s.tags, tag)
	return nil
}

// swallow skips to the end of a comment, or copies raw text as it stands.
func (s *scanner) swallow(end string, keep bool) error {
	loc := endTag[end].FindStringIndex(s.src[s.pos:])
	if loc == nil {
		return s.errorf("{%% %s %%} is missing", end)
	}
	inner := s.src[s.pos : s.pos+loc[0]]
	if keep {
		s.out.WriteString(inner)
	}
	s.skip(s.src[s.pos : s.pos+loc[1]])
	return nil
}

var endTag = map[string]*regexp.Regexp{
	"endcomment": regexp.MustCompile(`\{%-?\s*endcomment\s*-?%\}`),
	"endraw":     regexp.MustCompile(`\{%-?\s*endraw\s*-?%\}`),
}

// indexOutsideQuotes finds what closes a tag, but not inside a string.
func indexOutsideQuotes(s, closing string) int {
	var quote byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == '\\' && quote == '"' {
				i++
			} else if c == quote {
				quote = 0
			}
		case strings.HasPrefix(s[i:], closing):
			return i
		case c == '"' || c == '\'':
			quote = c
		}
	}
	return -1
}
